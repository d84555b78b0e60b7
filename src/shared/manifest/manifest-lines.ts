import type { MicroUsd } from '../base/money.ts';
import type { Head } from '../journal/objects.ts';
import { type ManifestLine, manifestLine } from './manifest.ts';
import { type ShotEndsDeps, shotEnds } from './shot-ends.ts';

export interface ManifestDeps extends ShotEndsDeps {
  readonly urlOf: (key: string) => string;
  /** What a row cost so far. */
  readonly costOfRow: (row: number) => MicroUsd;
}

/** The batch's manifest, in the order of its list; a plan chunk at a time. */
export async function* manifestLines(head: Head, deps: ManifestDeps): AsyncGenerator<ManifestLine> {
  const { urlOf, costOfRow } = deps;
  for await (const { row, ends } of shotEnds(head, deps)) {
    yield manifestLine(row, ends, { urlOf, costMicroUsd: costOfRow(row.row), simulated: head.simulated });
  }
}

import { pMapIterable } from 'p-map';
import type { Journal } from '../journal.ts';
import type { Head } from '../journal-objects.ts';
import { requestKeyOf } from '../keys.ts';
import type { MicroUsd } from '../money.ts';
import type { PlanRow } from '../plan-row.ts';
import type { Takes } from '../takes.ts';
import { type ManifestLine, manifestLine, type RequestEnd } from './manifest.ts';
import { withTakes } from './manifest-takes.ts';

export interface ManifestDeps {
  readonly journal: Pick<Journal, 'readChunk' | 'readDelivery' | 'deliveredNames' | 'failures'>;
  readonly takes: Pick<Takes, 'has' | 'recordsOf' | 'countingOf'>;
  readonly urlOf: (key: string) => string;
  /** What a row cost so far. */
  readonly costOfRow: (row: number) => MicroUsd;
  /** How a request stands of which the store says neither that it was delivered nor that it failed. */
  readonly standing: (request: string) => Promise<RequestEnd>;
  /** Whether a later list has retired the shot. */
  readonly retired: (shot: string) => boolean;
  readonly signal: AbortSignal;
}

/** Shots whose deliveries are read at once. */
const SHOTS_AT_ONCE = 16;

/** The batch's manifest, in the order of its list; a plan chunk at a time. */
export async function* manifestLines(head: Head, deps: ManifestDeps): AsyncGenerator<ManifestLine> {
  const { journal, takes, urlOf, costOfRow, signal } = deps;
  const { batch, simulated } = head;
  const delivered = await journal.deliveredNames(batch, signal);
  const failures = await journal.failures(batch, signal);

  async function endOf(row: PlanRow, part: number): Promise<RequestEnd> {
    const name = { batch, row: row.row, part };
    const member = `${name.row}.${name.part}`;
    const delivery = delivered.has(member) ? await journal.readDelivery(name, signal) : undefined;
    if (delivery !== undefined)
      return { status: 'delivered', images: await withTakes(row, delivery.images, takes) };
    const failure = failures.get(member);
    if (failure !== undefined) return { status: 'failed', code: failure.code, message: failure.message };
    return await deps.standing(requestKeyOf(name));
  }

  const optionsOf = ({ row }: PlanRow) => ({ urlOf, costMicroUsd: costOfRow(row), simulated });

  yield* pMapIterable(
    planRows(head, journal, signal),
    async (row) => {
      if (deps.retired(row.shot)) return manifestLine(row, [{ status: 'retired' }], optionsOf(row));
      const ends = await Promise.all(row.requests.map(({ part }) => endOf(row, part)));
      return manifestLine(row, ends, optionsOf(row));
    },
    { concurrency: SHOTS_AT_ONCE },
  );
}

async function* planRows(
  { batch, chunks }: Head,
  journal: ManifestDeps['journal'],
  signal: AbortSignal,
): AsyncGenerator<PlanRow> {
  for (let chunk = 0; chunk < chunks; chunk += 1) yield* await journal.readChunk(batch, chunk, signal);
}

import type { MicroUsd } from '../base/money.ts';
import { monthOf } from '../base/time.ts';
import type { LedgerTrace } from '../journal/objects.ts';
import { answersOf } from '../redis/answers.ts';
import type { Redis } from '../redis/redis.ts';

/** What the ledger says was spent, by the scopes that caps count on, from the names of its entries alone. */
export interface Spent {
  /** `day:2026-11-24`, `month:2026-11` → micro-dollars. */
  readonly scopes: ReadonlyMap<string, MicroUsd>;
  /** By the batch's name in keys: its sums, and the entries of each of its requests (`<row>.<part>`). */
  readonly batches: ReadonlyMap<string, BatchSpent>;
}

export interface BatchSpent {
  readonly costMicroUsd: MicroUsd;
  readonly numImages: number;
  readonly entries: ReadonlyMap<string, readonly LedgerTrace[]>;
}

/** Only of the batches that are asked for the entries are kept. */
export async function sumSpent(
  ledger: AsyncIterable<LedgerTrace>,
  batchSegments: ReadonlySet<string> = new Set(),
): Promise<Spent> {
  const scopes = new Map<string, MicroUsd>();
  const batches = new Map<
    string,
    { costMicroUsd: MicroUsd; numImages: number; entries: Map<string, LedgerTrace[]> }
  >();
  for await (const entry of ledger) {
    const { day, batchSegment, costMicroUsd, numImages, member } = entry;
    for (const scope of [`day:${day}`, `month:${monthOf(day)}`]) {
      scopes.set(scope, (scopes.get(scope) ?? 0) + costMicroUsd);
    }
    if (!batchSegments.has(batchSegment)) continue;
    const batch = batches.get(batchSegment) ?? { costMicroUsd: 0, numImages: 0, entries: new Map() };
    batches.set(batchSegment, batch);
    batch.costMicroUsd += costMicroUsd;
    batch.numImages += numImages;
    batch.entries.set(member, [...(batch.entries.get(member) ?? []), entry]);
  }
  return { scopes, batches };
}

/** As the counters of `TRANSITION` do. */
const KEPT_S = 400 * 86_400;

/** Where there is no counter yet, it is made; one that is there is left alone. */
export async function restoreSpent(
  { redis, prefix }: { readonly redis: Redis; readonly prefix: string },
  { scopes }: Pick<Spent, 'scopes'>,
): Promise<void> {
  const pipeline = redis.pipeline();
  for (const [scope, spent] of scopes) {
    pipeline.hsetnx(`${prefix}:money:${scope}`, 's', String(spent));
    pipeline.expire(`${prefix}:money:${scope}`, KEPT_S);
  }
  await answersOf(pipeline.exec());
}

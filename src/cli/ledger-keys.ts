import type { Head, Journal, LedgerKey } from '../shared/journal.ts';
import { encodeSegment, objectKeys } from '../shared/keys.ts';
import type { ObjectStore } from '../shared/object-store.ts';
import type { Clock } from '../shared/time.ts';
import { type DayRange, daysBetween, utcDay } from './days.ts';

export interface LedgerKeysDeps {
  readonly journal: Pick<Journal, 'listLedger'>;
  readonly store: Pick<ObjectStore, 'list'>;
  readonly clock: Clock;
}

/** The ledger's keys in order of their days: of everything, or of one batch. */
export async function* ledgerKeys(
  { journal, store, clock }: LedgerKeysDeps,
  { batch, ...range }: DayRange & { readonly batch?: Head | undefined },
  signal: AbortSignal,
): AsyncGenerator<LedgerKey> {
  if (batch === undefined) {
    yield* journal.listLedger(range, signal);
    return;
  }
  for (const day of daysOf(batch, range, clock())) {
    for await (const { key, costMicroUsd, numImages } of batchDay(store, batch.batch, day, signal))
      yield { key, day, batchSegment: encodeSegment(batch.batch), costMicroUsd, numImages };
  }
}

/** What each row of a batch cost, in micro-dollars, by its place in the list. */
export async function costsByRow(
  { store, clock }: Omit<LedgerKeysDeps, 'journal'>,
  head: Head,
  signal: AbortSignal,
): Promise<(row: number) => number> {
  // Eight bytes a row, whatever the list.
  const costs = new Float64Array(head.shots);
  for (const day of daysOf(head, {}, clock())) {
    for await (const { row, costMicroUsd } of batchDay(store, head.batch, day, signal))
      costs[row] = (costs[row] ?? 0) + costMicroUsd;
  }
  return (row) => costs[row] ?? 0;
}

/** The ledger lies by day, and so a batch's entries lie in any day since it began: one short listing each. */
function daysOf({ createdAt }: Head, { from, to }: DayRange, nowMs: number): string[] {
  // A day more at both ends: days are local to whoever wrote them.
  const first = utcDay(Date.parse(createdAt), -1);
  const last = utcDay(nowMs, 1);
  return daysBetween(
    from === undefined || from < first ? first : from,
    to === undefined || to > last ? last : to,
  );
}

async function* batchDay(
  store: LedgerKeysDeps['store'],
  batch: string,
  day: string,
  signal: AbortSignal,
): AsyncGenerator<{ key: string; row: number; costMicroUsd: number; numImages: number }> {
  const prefix = `${objectKeys.ledgerDay(day)}${encodeSegment(batch)}/`;
  for await (const { key } of store.list(prefix, { signal })) {
    // As `Journal.writeLedger` names them: <cost>.<images>.<row>.<part>.<request id>.json
    const match = /^(\d+)\.(\d+)\.(\d+)\.\d+\.[^/]+\.json$/.exec(key.slice(prefix.length));
    if (match === null) continue;
    const [, cost, images, row] = match;
    yield { key, row: Number(row), costMicroUsd: Number(cost), numImages: Number(images) };
  }
}

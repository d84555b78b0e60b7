import { batchDays } from '../batch-days.ts';
import { Corrections } from '../corrections.ts';
import type { Head } from '../journal-objects.ts';
import { mergedBatchDay } from '../merged-ledger.ts';
import type { ObjectStore } from '../object-store.ts';
import type { Clock } from '../time.ts';

export interface RowCostsDeps {
  readonly store: Pick<ObjectStore, 'get' | 'list' | 'putOnce'>;
  readonly clock: Clock;
}

/** What each row of a batch cost, in micro-dollars, by its place in the list. */
export async function costsByRow(
  { store, clock }: RowCostsDeps,
  head: Head,
  signal: AbortSignal,
): Promise<(row: number) => number> {
  // Eight bytes a row, whatever the list.
  const costs = new Float64Array(head.shots);
  const corrections = new Corrections({ store });
  for (const day of batchDays(head, {}, clock())) {
    for (const { member, costMicroUsd } of await mergedBatchDay(
      { store, corrections },
      head.batch,
      day,
      signal,
    )) {
      const row = Number.parseInt(member, 10);
      costs[row] = (costs[row] ?? 0) + costMicroUsd;
    }
  }
  return (row) => costs[row] ?? 0;
}

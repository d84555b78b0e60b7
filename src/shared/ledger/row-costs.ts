import type { Clock } from '../base/time.ts';
import type { Head } from '../journal/objects.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { Corrections } from './corrections.ts';
import { batchDays } from './days.ts';
import { mergedBatchDay } from './ledger.ts';

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

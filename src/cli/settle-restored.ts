import { Corrections } from '../shared/corrections.ts';
import type { Journal } from '../shared/journal.ts';
import type { ObjectStore } from '../shared/object-store.ts';
import type { Records } from '../shared/records/records.ts';
import { Settlements } from '../shared/records/settlements.ts';
import type { Redis } from '../shared/redis.ts';
import { systemClock } from '../shared/time.ts';
import { settleCorrections } from '../worker/reconcile/settle.ts';

export interface SettleRestoredDeps {
  readonly redis: Redis;
  readonly prefix: string;
  readonly store: ObjectStore;
  readonly journal: Journal;
  readonly records: Pick<Records, 'read' | 'holderOf'>;
}

/** Counters that were restored from the ledger's entries go on to what fal's bill made of them. Safe to repeat. */
export async function settleRestored(
  { redis, prefix, store, journal, records }: SettleRestoredDeps,
  signal: AbortSignal,
): Promise<void> {
  const corrections = new Corrections({ store });
  const settlements = new Settlements({ redis, prefix });
  await settleCorrections({ journal, corrections, settlements, records, clock: systemClock }, signal);
}

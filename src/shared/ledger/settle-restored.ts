import { systemClock } from '../base/time.ts';
import type { Journal } from '../journal/journal.ts';
import type { Redis } from '../redis/redis.ts';
import type { Records } from '../requests/records.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { Corrections } from './corrections.ts';
import { Settlements } from './counters.ts';
import { settleCorrections } from './settle.ts';

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

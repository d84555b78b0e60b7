import type { Journal } from '../shared/journal.ts';
import type { Logger } from '../shared/log.ts';
import type { Batches } from '../shared/records/batches.ts';
import { statusOf } from '../shared/status.ts';
import type { Clock } from '../shared/time.ts';

export interface EndedDeps {
  readonly batches: Batches;
  readonly journal: Journal;
  readonly ttlH: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A batch has ended: its summary goes to the store, and Redis may forget it when its time is up. Safe to repeat. */
export function createEnded({
  batches,
  journal,
  ttlH,
  clock,
  log,
}: EndedDeps): (batch: string) => Promise<void> {
  return async (batch) => {
    const view = await batches.read(batch);
    if (view === undefined) return;
    const status = statusOf(view, undefined, clock());
    await journal.writeSummary(batch, status);
    await batches.summarized(batch, ttlH * 3_600);
    log.info({ batch, counts: status.counts, spentUsd: status.money.spentUsd }, 'batch ended');
  };
}

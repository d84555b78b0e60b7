import type { Logger } from '../base/log.ts';
import type { Clock } from '../base/time.ts';
import type { Journal } from '../journal/journal.ts';
import type { Ending } from '../queues/completion-queue.ts';
import type { Batches } from '../requests/batches.ts';
import { NO_STOPS } from '../requests/endpoint-stops.ts';
import { statusOf } from './status.ts';

export interface EndedDeps {
  readonly batches: Batches;
  readonly journal: Journal;
  /** Gives what follows the end a job. */
  readonly follow: (ending: Ending) => Promise<void>;
  readonly ttlH: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * A batch has ended: its summary goes to the store, its manifest and webhook get a job, and Redis may forget it when its
 * time is up. In this order, so that a crash anywhere is mended by the sweep, which repeats it until the last is done.
 * Called again after that, when a correction moved the batch's money, it brings summary and manifest up to date.
 */
export function createEnded({
  batches,
  journal,
  follow,
  ttlH,
  clock,
  log,
}: EndedDeps): (batch: string) => Promise<void> {
  return async (batch) => {
    const view = await batches.read(batch);
    if (view === undefined) return;
    const status = statusOf(view, NO_STOPS, clock());
    await journal.writeSummary(batch, status);
    if (view.doneAtMs !== undefined) {
      await follow({ kind: view.summarized ? 'refresh' : 'manifest', batch, endedAtMs: view.doneAtMs });
    }
    await batches.summarized(batch, ttlH * 3_600);
    log.info({ batch, counts: status.counts, spentUsd: status.money.spentUsd }, 'batch ended');
  };
}

import type { Logger } from '../base/log.ts';
import type { Journal } from '../journal/journal.ts';
import type { Ending } from '../queues/completion-queue.ts';
import type { Batches } from '../requests/batches.ts';

export interface HeldDeps {
  readonly batches: Pick<Batches, 'read' | 'holdNoted'>;
  readonly journal: Pick<Journal, 'writeEvent'>;
  /** Gives the webhook its job. */
  readonly follow: (ending: Ending) => Promise<void>;
  readonly log: Logger;
}

/**
 * One step has held a whole batch: the store learns of it where its requests failed together, since a rebuild must hold it
 * again (what a cap holds is held again by itself), and the webhook gets a job. In this order, so that a crash anywhere is
 * mended by the sweep, which repeats it until the last is done. A batch that was resumed meanwhile needs none of it.
 */
export function createHeld({ batches, journal, follow, log }: HeldDeps): (batch: string) => Promise<void> {
  return async (batch) => {
    const hold = (await batches.read(batch))?.hold;
    if (hold === undefined || hold.isNoted) return;
    const { atMs, failing } = hold;
    if (failing !== undefined) {
      log.error({ batch, ...failing }, 'a batch is held: its requests fail together');
      await journal.writeEvent(batch, { kind: 'hold', at: atMs, failing }, 'hold');
    }
    await follow({ kind: 'held', batch, endedAtMs: atMs });
    await batches.holdNoted(batch, atMs);
  };
}

import { UserError } from '../shared/base/errors.ts';
import type { Clock } from '../shared/base/time.ts';
import type { Journal } from '../shared/journal/journal.ts';
import type { Batches, CaughtUp } from '../shared/requests/batches.ts';

export interface CancelDeps {
  readonly batches: Pick<Batches, 'read' | 'setWord' | 'leaveBehind'>;
  readonly journal: Pick<Journal, 'writeEvent'>;
  /**
   * Cancels what waits, at no cost, for as long as a person can be let wait; what it leaves, the workers do.
   */
  readonly catchUp: (batch: string) => Promise<CaughtUp>;
  /** Cancels at fal what waits there. */
  readonly withdrawQueued: (
    batch: string,
  ) => Promise<{ readonly withdrawn: number; readonly kept: number } | 'no-key'>;
  /** A name that no other event of the same millisecond has. */
  readonly eventId: () => string;
  readonly clock: Clock;
}

/** `unknown`: Redis does not hold the batch. `ended`: nothing is left that could be cancelled. */
export type Cancelling =
  | { readonly outcome: 'unknown' | 'ended' }
  | {
      readonly outcome: 'done';
      /** Requests that were waiting here: none of them is submitted any more. */
      readonly waiting: number;
      readonly behind: CaughtUp;
      readonly atFal: { readonly withdrawn: number; readonly kept: number } | 'no-key';
    };

/**
 * Cancels a batch for good. The word takes effect at once, whatever the batch's size: nothing more is submitted from
 * then on; what waits is cancelled behind it. What fal has begun is finished and kept. Safe to repeat, also where it
 * broke off.
 */
export async function cancelBatch(batch: string, deps: CancelDeps): Promise<Cancelling> {
  const { batches, journal } = deps;
  const before = await batches.read(batch);
  if (before === undefined) return { outcome: 'unknown' };
  if (before.doneAtMs !== undefined) return { outcome: 'ended' };
  if (before.word !== 'cancelled') {
    // A rebuild of Redis must not start it again.
    await journal.writeEvent(batch, { kind: 'cancel', at: deps.clock() }, deps.eventId());
    await batches.setWord(batch, 'cancelled');
  } else await batches.leaveBehind(batch);
  // From here on nobody takes one of them up.
  const { counts } = (await batches.read(batch)) ?? before;
  const behind = await deps.catchUp(batch);
  const atFal = await deps.withdrawQueued(batch);
  return { outcome: 'done', waiting: counts.planned + counts.held, behind, atFal };
}

/** Throws a `UserError` where the word is a cancelling, which nothing takes back. */
export function refuseCancelled({ batch, word }: { readonly batch: string; readonly word: string }): void {
  if (word !== 'cancelled') return;
  throw new UserError(
    'cancelled',
    `Batch ${batch} is cancelled and stays so; enqueue its list again under another --batch.`,
  );
}

import type { EndingStanding } from '../shared/queues/completion-queue.ts';
import type { BatchStatus } from '../shared/status/status.ts';
import type { Regenerated } from '../shared/takes/regenerated.ts';
import { followEnding } from './follow-ending.ts';
import { followRegenerations, type Regeneration } from './follow-regenerations.ts';
import { regeneratedOf } from './regenerated-of.ts';
import type { Shop } from './services.ts';
import { type BatchEnd, type FollowOptions, followBatch } from './watch.ts';

/** A batch at its end, with all that makes its pictures again. */
export interface Whole {
  /** Of the batch itself. */
  readonly status: BatchStatus;
  readonly regenerated: Regenerated | undefined;
  /** Of the whole: a picture that failed and is delivered in the end is no failure. */
  readonly end: BatchEnd;
}

export interface FollowWholeOptions extends FollowOptions {
  /** Is told of each batch that makes pictures again, before it is followed. */
  readonly onRegeneration: (regeneration: Regeneration) => void;
}

/**
 * Follows a batch until nothing moves any more, as `followBatch`; with `--regenerate`, until that is so of all that makes
 * its pictures again, too. Throws a `UserError` when there is no such batch.
 */
export async function followWhole(shop: Shop, batch: string, options: FollowWholeOptions): Promise<Whole> {
  const followed = await followBatch(shop, batch, options);
  const head = await shop.journal.readHead(batch);
  if (head?.regenerate === undefined) return { ...followed, regenerated: undefined };
  // Behind its end stands whether anything is made again.
  await followEndingUntilStopped(shop, batch, options);
  const stopped = await followRegenerations(shop, batch, async (regeneration) => {
    options.onRegeneration(regeneration);
    const again = await followBatch(shop, regeneration.batch, options);
    await followEndingUntilStopped(shop, regeneration.batch, options);
    return again;
  });
  return await wholeOf(shop, { ...followed, end: stopped ?? followed.end }, options.signal);
}

/** What a batch comes to with all that was made again. */
export async function wholeOf(
  shop: Shop,
  { status, end }: Pick<Whole, 'status' | 'end'>,
  signal: AbortSignal,
): Promise<Whole> {
  const regenerated = await regeneratedOf(shop, status.batch, signal);
  const isMended = end === 'some-failed' && status.counts.failed <= (regenerated?.delivered ?? 0);
  return { status, regenerated, end: isMended ? 'all-delivered' : end };
}

/** As `followEnding`; undefined, too, where a user stops it: the next worker does the rest. */
export async function followEndingUntilStopped(
  shop: Shop,
  batch: string,
  { signal, lost }: Pick<FollowOptions, 'signal' | 'lost'>,
): Promise<EndingStanding | undefined> {
  if (signal.aborted) return undefined;
  return await followEnding(shop, batch, signal, lost).catch((error: unknown) => {
    if (signal.aborted) return undefined;
    throw error;
  });
}

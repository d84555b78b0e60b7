import { type Context, EXIT, type Exit } from '../cli/context.ts';
import type { EndingStanding } from '../shared/queues/completion-queue.ts';
import type { BatchStatus } from '../shared/status/status.ts';
import type { Regenerated } from '../shared/takes/regenerated.ts';
import { followEnding } from './follow-ending.ts';
import { followRegenerations, regeneratedOf } from './follow-regenerations.ts';
import type { Shop } from './services.ts';
import { followBatch } from './watch.ts';

/** A batch at its end, with all that makes its pictures again. */
export interface Whole {
  /** Of the batch itself. */
  readonly status: BatchStatus;
  readonly regenerated: Regenerated | undefined;
  /** Of the whole: a picture that failed and is delivered in the end is no failure. */
  readonly exit: Exit;
}

/**
 * Follows a batch until nothing moves any more, as `followBatch`; with `--regenerate`, until that is so of all that makes
 * its pictures again, too. Throws a `UserError` when there is no such batch.
 */
export async function followWhole(
  context: Context,
  shop: Shop,
  batch: string,
  lost?: AbortSignal,
): Promise<Whole> {
  const followed = await followBatch(context, shop, batch, lost);
  const head = await shop.journal.readHead(batch);
  if (head?.regenerate === undefined) return { ...followed, regenerated: undefined };
  // Behind its end stands whether anything is made again.
  await followEndingUntilStopped(context, shop, batch, lost);
  const stopped = await followRegenerations(context, shop, batch, async (id) => {
    const again = await followBatch(context, shop, id, lost);
    await followEndingUntilStopped(context, shop, id, lost);
    return again;
  });
  return await wholeOf(context, shop, { ...followed, exit: stopped ?? followed.exit });
}

/** What a batch comes to with all that was made again. */
export async function wholeOf(
  context: Context,
  shop: Shop,
  { status, exit }: { readonly status: BatchStatus; readonly exit: Exit },
): Promise<Whole> {
  const regenerated = await regeneratedOf(context, shop, status.batch);
  const isMended = exit === EXIT.someFailed && status.counts.failed <= (regenerated?.delivered ?? 0);
  return { status, regenerated, exit: isMended ? EXIT.ok : exit };
}

/** As `followEnding`; undefined, too, where a person stops it: the next worker does the rest. */
export async function followEndingUntilStopped(
  context: Context,
  shop: Shop,
  batch: string,
  lost?: AbortSignal,
): Promise<EndingStanding | undefined> {
  const { signal } = context;
  if (signal.aborted) return undefined;
  return await followEnding(shop, batch, signal, lost).catch((error: unknown) => {
    if (signal.aborted) return undefined;
    throw error;
  });
}

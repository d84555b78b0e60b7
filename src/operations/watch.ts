import { type Context, EXIT, type Exit } from '../cli/context.ts';
import { openProgress } from '../cli/output/progress.ts';
import { UserError } from '../shared/base/errors.ts';
import { sleep, systemClock } from '../shared/base/time.ts';
import type { Journal } from '../shared/journal/journal.ts';
import { unfinished } from '../shared/requests/batches.ts';
import { createLook, type Snapshot, type SnapshotDeps } from '../shared/status/snapshot.ts';
import { type BatchStatus, isMoving, isOver } from '../shared/status/status.ts';
import type { Regenerated } from '../shared/takes/regenerated.ts';

export interface WatchDeps extends SnapshotDeps {
  readonly journal: Journal;
}

const LOOK_MS = 250;

/**
 * Follows a batch until nothing moves any more: it has ended, or a person is needed. Throws a `UserError` when there
 * is no such batch.
 */
export async function followBatch(
  context: Context,
  deps: WatchDeps,
  batch: string,
  lost?: AbortSignal,
): Promise<{ readonly status: BatchStatus; readonly exit: Exit }> {
  const progress = await openProgress({ stderr: context.stderr, clock: systemClock });
  const look = createLook(deps);
  const stop = lost === undefined ? context.signal : AbortSignal.any([context.signal, lost]);
  try {
    for (;;) {
      // A command waits for its Redis to come back, and a lost one never does.
      const picture = await unlessLost(look(batch), lost);
      if (picture === undefined && (await deps.journal.readHead(batch)) !== undefined) {
        throw new UserError(
          'redis_lost',
          `Redis lost batch ${batch} while it was under way; what is at fal goes on there. Run shotlist rebuild, then the same command again: nothing is paid twice.`,
        );
      }
      if (picture === undefined)
        throw new UserError('unknown_batch', `There is no batch ${batch}; shotlist status lists them.`);
      progress.show(picture);
      const { status } = picture;
      const exit = exitOf(picture);
      if (exit !== undefined) return { status, exit };
      if (lost?.aborted === true) throw lost.reason;
      if (context.signal.aborted) return { status, exit: EXIT.interrupted };
      await sleep(LOOK_MS, stop).catch(() => undefined);
    }
  } finally {
    progress.end();
  }
}

/** Rejects when the embedded Redis is gone: a call waits for it to come back, and a lost one never does. */
export async function unlessLost<T>(reading: Promise<T>, lost: AbortSignal | undefined): Promise<T> {
  if (lost === undefined) return await reading;
  lost.throwIfAborted();
  reading.catch(() => undefined);
  let gone = (): void => undefined;
  const ended = new Promise<never>((_, reject) => {
    gone = () => reject(lost.reason);
  });
  lost.addEventListener('abort', gone, { once: true });
  try {
    return await Promise.race([reading, ended]);
  } finally {
    lost.removeEventListener('abort', gone);
  }
}

/** undefined while something moves by itself. */
function exitOf({ status: { state, counts, heldReason }, toStrikeOff }: Snapshot): Exit | undefined {
  // What was at fal when its batch was cancelled is finished and kept; what waited is struck off, and only then does the
  // batch have its end, with its summary and manifest.
  if (state === 'cancelled' && unfinished(counts) + toStrikeOff > 0)
    return heldReason !== null && toStrikeOff === 0 ? EXIT.held : undefined;
  if (isOver(state)) return counts.failed > 0 ? EXIT.someFailed : EXIT.ok;
  return state === 'held' && !isMoving({ counts }) ? EXIT.held : undefined;
}

/** The last line of a command. `regenerated`: of what was made again by itself, which counts as the batch's own. */
export function endSentence(
  { batch, state, counts, heldReason }: BatchStatus,
  exit: Exit,
  regenerated?: Regenerated,
): string {
  if (exit === EXIT.interrupted)
    return `Interrupted. What is at fal goes on there and is paid once: the same command takes up ${batch} where it stands.`;
  if (state === 'held' || (exit === EXIT.held && heldReason !== null))
    return `${batch} is ${state}: ${heldReason ?? ''}`;
  const { delivered: again = 0, batches = [] } = regenerated ?? {};
  const held = batches.find((one) => one.state === 'held');
  if (exit === EXIT.held && held !== undefined) return `${held.batch} is held: ${held.heldReason ?? ''}`;
  const failed = counts.failed > again ? `, ${counts.failed - again} failed` : '';
  const anew = again === 0 ? '' : ` (${again} of them made again)`;
  return `${batch} is ${state}: ${counts.delivered + again} requests delivered${anew}${failed}.`;
}

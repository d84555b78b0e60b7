import { UserError } from '../shared/base/errors.ts';
import { sleep, unlessLost } from '../shared/base/time.ts';
import type { Journal } from '../shared/journal/journal.ts';
import { unfinished } from '../shared/requests/batches.ts';
import { createLook, type Snapshot, type SnapshotDeps } from '../shared/status/snapshot.ts';
import { type BatchStatus, isMoving, isOver } from '../shared/status/status.ts';

export interface WatchDeps extends SnapshotDeps {
  readonly journal: Journal;
}

const LOOK_MS = 250;

/** How following a batch came to its end. */
export type BatchEnd = 'all-delivered' | 'some-failed' | 'held' | 'interrupted';

/** Shows a batch as it goes on. */
export interface View {
  show(snapshot: Snapshot): void;
  end(): void;
}

export interface FollowOptions {
  /** Its abort ends the following, and rejects nothing. */
  readonly signal: AbortSignal;
  /** Aborts when the embedded Redis is gone. */
  readonly lost?: AbortSignal | undefined;
  /** One for each batch that is followed. */
  readonly openView: () => Promise<View>;
}

/**
 * Follows a batch until nothing moves any more: it has ended, or a user is needed. Throws a `UserError` when there
 * is no such batch.
 */
export async function followBatch(
  deps: WatchDeps,
  batch: string,
  { signal, lost, openView }: FollowOptions,
): Promise<{ readonly status: BatchStatus; readonly end: BatchEnd }> {
  const view = await openView();
  const look = createLook(deps);
  const stop = lost === undefined ? signal : AbortSignal.any([signal, lost]);
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
      view.show(picture);
      const { status } = picture;
      const end = endOf(picture);
      if (end !== undefined) return { status, end };
      if (lost?.aborted === true) throw lost.reason;
      if (signal.aborted) return { status, end: 'interrupted' };
      await sleep(LOOK_MS, stop).catch(() => undefined);
    }
  } finally {
    view.end();
  }
}

/** undefined while something moves by itself. */
function endOf({ status: { state, counts, heldReason }, toStrikeOff }: Snapshot): BatchEnd | undefined {
  // What was at fal when its batch was cancelled is finished and kept; what waited is struck off, and only then does the
  // batch have its end, with its summary and manifest.
  if (state === 'cancelled' && unfinished(counts) + toStrikeOff > 0)
    return heldReason !== null && toStrikeOff === 0 ? 'held' : undefined;
  if (isOver(state)) return counts.failed > 0 ? 'some-failed' : 'all-delivered';
  return state === 'held' && !isMoving({ counts }) ? 'held' : undefined;
}

import { sleep, unlessLost } from '../shared/base/time.ts';
import type { Journal } from '../shared/journal/journal.ts';
import type { EndingStanding } from '../shared/queues/completion-queue.ts';
import type { Queues } from '../shared/queues/queues.ts';
import type { Batches, Hold } from '../shared/requests/batches.ts';
import { regenerationsOf } from '../shared/takes/regenerated.ts';

export interface FollowEndingDeps {
  readonly batches: Pick<Batches, 'read'>;
  readonly queues: Pick<Queues, 'endingOf'>;
  readonly journal: Pick<Journal, 'readHead'>;
}

const LOOK_MS = 50;

/**
 * Waits until an ended batch's manifest is written and its webhook was tried once, or that of its hold: `run` brings its own workers, and
 * ends with them. Resolves to what is left to do then; rejects with the signal's reason.
 */
export async function followEnding(
  deps: FollowEndingDeps,
  batch: string,
  signal: AbortSignal,
  lost?: AbortSignal,
): Promise<EndingStanding | undefined> {
  for (;;) {
    const left = await unlessLost(leftOfEnding(deps, batch), lost);
    if (left === undefined || (left !== 'to-come' && isTried(left))) return left;
    await sleep(LOOK_MS, signal);
  }
}

/**
 * `to-come`: the batch has ended a moment ago, and what follows has no job yet. With `--regenerate`, its webhook tells the
 * end of the last batch that made its pictures again.
 */
export async function leftOfEnding(
  { batches, queues, journal }: FollowEndingDeps,
  batch: string,
): Promise<EndingStanding | 'to-come' | undefined> {
  const view = await batches.read(batch);
  if (view === undefined) return undefined;
  const { doneAtMs, summarized, hold } = view;
  if (doneAtMs === undefined) return hold === undefined ? undefined : await leftOfHold(batch, hold, queues);
  // The job is there before the batch says that it was summed up.
  const own = (await queues.endingOf(batch, doneAtMs)) ?? (summarized ? undefined : 'to-come');
  if (own !== undefined) return own;
  const head = await journal.readHead(batch);
  if (head?.onDone === undefined) return undefined;
  for (const id of await regenerationsOf(journal, head)) {
    const again = await batches.read(id);
    const told = again?.doneAtMs === undefined ? undefined : await queues.endingOf(batch, again.doneAtMs);
    if (told !== undefined) return told;
  }
  return undefined;
}

/** The job is there before the hold is noted. */
async function leftOfHold(
  batch: string,
  { atMs, isNoted }: Hold,
  queues: FollowEndingDeps['queues'],
): Promise<EndingStanding | undefined> {
  const toCome = isNoted ? undefined : ({ kind: 'held', state: 'waiting', reason: undefined } as const);
  return (await queues.endingOf(batch, atMs)) ?? toCome;
}

/** A person who waits for `run` need not wait for a receiver that is away, which may be for a day. */
function isTried({ kind, state }: EndingStanding): boolean {
  return kind !== 'manifest' && state !== 'waiting';
}

import { type BatchStatus, isOver } from './status.ts';

/** What stands between a running batch and its end, beside the time that fal takes. */
export interface Surroundings {
  /** Workers by role. */
  readonly workers: ReadonlyMap<string, number>;
  /** Generate jobs in hand: about the requests at fal, of all batches. */
  readonly active: number;
  /** Generate jobs that wait for one of them to end, of all batches. */
  readonly waiting: number;
  /** The most in hand at once, over all workers; undefined before the first worker. */
  readonly concurrency: number | undefined;
  /** No job starts at this moment, for the rate limit or since fal said to slow down. */
  readonly rateLimited: boolean;
}

/** Pure: one clause on what holds a batch back, or undefined where nothing does but the work itself. */
export function heldBackBy(
  { batch, state, counts, heldReason }: BatchStatus,
  { workers, active, waiting, concurrency, rateLimited }: Surroundings,
): string | undefined {
  if (state === 'held') return heldReason ?? undefined;
  if (isOver(state)) return undefined;
  const missing = missingRole(counts, workers, state);
  if (missing !== undefined) return missing;
  if (state === 'paused') return `paused by a person; go on with: shotlist resume ${batch}`;
  if (counts.planned > 0) {
    if (concurrency !== undefined && active >= concurrency)
      return `${active === 1 ? 'the one slot is' : `all ${active.toLocaleString('en')} slots are`} in use (FAL_CONCURRENCY)`;
    if (rateLimited) return 'the rate of submits (FAL_SUBMIT_RATE, or fal asked for less)';
    if (waiting === 0 && active === 0)
      return 'its requests wait for room on a cap, or for a picture that another batch is making';
    return undefined;
  }
  const { unknown, submitting, submitted, generated, rendering } = counts;
  if (unknown > 0 && submitting + submitted + generated + rendering === 0)
    return `fal's answer to ${unknown.toLocaleString('en')} was lost and is being looked for; see shotlist unknown list ${batch}`;
  return undefined;
}

/** Pure: what most of the waiting requests wait for, said by the workers themselves. */
export function waitedFor({ waitingFor: [first] }: BatchStatus): string | undefined {
  if (first === undefined) return undefined;
  const { requests, reason } = first;
  return `${requests === 1 ? '1 request waits' : `${requests.toLocaleString('en')} requests wait`}: ${reason}`;
}

/** Pure: the same of a cancelled batch, of whose dropped requests so many still have to be struck off. */
export function stillStruckOff(requests: number, workers: Surroundings['workers']): string | undefined {
  if (requests === 0) return undefined;
  const what = `${requests.toLocaleString('en')} dropped requests that are still to be struck off`;
  return (workers.get('collect') ?? 0) > 0
    ? what
    : `${what}, and no worker of role collect is running: start one with shotlist worker`;
}

/** Pure: the same of paid pictures that fal's media host does not give; undefined where none is missing. */
export function waitsForPictures(
  missing: { readonly pictures: number; readonly why: string } | undefined,
): string | undefined {
  if (missing === undefined) return undefined;
  const { pictures, why } = missing;
  const what =
    pictures === 1
      ? '1 paid picture cannot be had yet and is'
      : `${pictures.toLocaleString('en')} paid pictures cannot be had yet and are`;
  return `${what} asked for again, at no cost: ${why}`;
}

/** Somebody who waits for work that nobody does must be told so. */
function missingRole(
  counts: BatchStatus['counts'],
  workers: Surroundings['workers'],
  state: 'running' | 'paused',
): string | undefined {
  const needed = [
    ['generate', state === 'running' ? counts.planned + counts.submitting : 0],
    ['collect', counts.submitting + counts.submitted + counts.unknown],
    ['render', counts.generated + counts.rendering],
  ] as const;
  if (needed.every(([, requests]) => requests === 0)) return undefined;
  if (workers.size === 0)
    return 'no worker is running; start one with: shotlist worker (or run the list again)';
  const role = needed.find(([name, requests]) => requests > 0 && (workers.get(name) ?? 0) === 0)?.[0];
  if (role === undefined) return undefined;
  return `no worker of role ${role} is running; start one with: shotlist worker --roles ${role}`;
}

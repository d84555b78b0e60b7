import pMap from 'p-map';
import { isOdd, messageOf } from '../shared/base/errors.ts';
import type { Logger } from '../shared/base/log.ts';
import type { Clock } from '../shared/base/time.ts';
import type { Journal } from '../shared/journal/journal.ts';
import type { JobCall, QueueName } from '../shared/queues/jobs.ts';
import type { Redis } from '../shared/redis/redis.ts';
import type { Batches } from '../shared/requests/batches.ts';
import type { DuePicture, DuePictures, DueProgress } from '../shared/requests/due-pictures.ts';
import type { Records } from '../shared/requests/records.ts';
import type { House, Work } from '../shared/requests/steps.ts';
import { parseRequestKey } from '../shared/store/keys.ts';
import type { ObjectStore } from '../shared/store/object-store.ts';
import { writeGone } from '../shared/takes/original-notes.ts';
import { listVariants, listVariantsOfRow } from '../shared/takes/originals.ts';
import { stateOf } from '../shared/takes/variants.ts';
import type { FetchPaid, StillMissing } from './collect/fetch-paid.ts';
import type { MediaStop } from './collect/media-stop.ts';
import { type GoneLooks, isGone, laterLookAtMs } from './collect/patience.ts';

export interface LaterLooksDeps {
  readonly store: ObjectStore;
  readonly journal: Pick<Journal, 'readResult'>;
  readonly records: Pick<Records, 'read'>;
  readonly batches: Pick<Batches, 'read'>;
  readonly house: Pick<House, 'step' | 'work'>;
  readonly due: DuePictures;
  readonly fetchPaid: FetchPaid;
  readonly mediaStop: Pick<MediaStop, 'fetched'>;
  readonly add: (queue: QueueName, calls: readonly JobCall[]) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Each holds one picture in memory. */
const AT_ONCE = 4;
const CHUNK = 50;
/** Nobody else looks for the same picture meanwhile, and a worker that dies with it gives it back. */
const IN_HAND_MS = 600_000;

/**
 * Looks once for the paid pictures of failed requests that are due. What comes is kept as an original; its request is
 * rendered while its batch is under way and not cancelled. Resolves to how many were looked for.
 */
export function createLookAgain(deps: LaterLooksDeps): (signal: AbortSignal) => Promise<number> {
  const { store, records, batches, house, due, clock, log } = deps;

  return async (signal) => {
    let looked = 0;
    for (;;) {
      const pictures = await due.due(clock(), CHUNK);
      for (const { progress, ...picture } of pictures)
        await due.postpone(picture, clock() + IN_HAND_MS, progress);
      await pMap(pictures, ({ progress, ...picture }) => lookOrLeave(picture, progress, signal), {
        concurrency: AT_ONCE,
        signal,
      });
      looked += pictures.length;
      if (pictures.length < CHUNK) return looked;
    }
  };

  /** One that cannot be looked for is left for some minutes, and the others are looked for all the same. */
  async function lookOrLeave(picture: DuePicture, progress: DueProgress, signal: AbortSignal): Promise<void> {
    try {
      if (parseRequestKey(picture.request) === undefined) {
        log.error({ request: picture.request }, 'no request of ours; its picture is not looked for');
        await due.remove(picture);
        return;
      }
      await lookAt(picture, progress, signal);
    } catch (error) {
      if (!isOdd(error)) throw error;
      log.error({ ...picture, error: messageOf(error) }, 'a paid picture cannot be looked for');
    }
  }

  async function lookAt(picture: DuePicture, progress: DueProgress, signal: AbortSignal): Promise<void> {
    const { shotKey, index, request } = picture;
    const work = await house.work(request, signal);
    const variant = (await listVariants(store, shotKey, signal)).get(index);
    if (variant === undefined || variant.state === 'nothing') {
      // Found to be gone, or given up by a user.
      await due.remove(picture);
      return;
    }
    const missing =
      variant.state === 'made'
        ? []
        : await deps.fetchPaid({ shotKey, model: work.model }, variant, 'every', signal);
    if (missing.length === 0) {
      await deps.mediaStop.fetched(request);
      await render(request, work, signal);
      await due.remove(picture);
      log.info({ request, index }, 'a paid picture was fetched at last');
      return;
    }
    const now = clock();
    const gone = missing.every(({ isNowhere }) => isNowhere) ? counted(progress.gone, now) : undefined;
    if (gone !== undefined && (await closeIfGone(picture, missing, gone, signal))) return;
    const looks = progress.looks + 1;
    const atMs = laterLookAtMs(looks, progress.sinceMs, now);
    log.warn({ request, index, looks, code: missing[0]?.failure.code }, 'a paid picture cannot be had yet');
    if (atMs === undefined) await due.remove(picture);
    else
      await due.postpone(picture, atMs, {
        looks,
        sinceMs: progress.sinceMs,
        ...(gone === undefined ? {} : { gone }),
      });
  }

  async function closeIfGone(
    picture: DuePicture,
    missing: readonly StillMissing[],
    gone: GoneLooks,
    signal: AbortSignal,
  ): Promise<boolean> {
    for (const { note } of missing) {
      const result = await deps.journal.readResult(note.requestId, signal);
      // Read when the run had ended, so no earlier than that.
      if (result === undefined || !isGone(gone, result.at)) return false;
    }
    for (const { note } of missing) {
      const { requestId } = note;
      await writeGone(store, picture, { requestId, at: gone.lastMs, why: 'gone' }, signal);
      log.error({ request: picture.request, index: picture.index, requestId }, 'a paid picture is gone');
    }
    await due.remove(picture);
    return true;
  }

  /** In a batch that is over, or that Redis has forgotten, the picture is only kept: `retry` renders it. */
  async function render(request: string, { name, row, planned }: Work, signal: AbortSignal): Promise<void> {
    const [record, view] = await Promise.all([records.read(request), batches.read(name.batch)]);
    if (record?.state !== 'failed' || view === undefined) return;
    if (view.doneAtMs !== undefined || view.word === 'cancelled') return;
    const variants = await listVariantsOfRow(store, row, signal);
    if (planned.indices.some((index) => stateOf(variants, index) !== 'made')) return;
    const { round } = record;
    const again = await house.step('rerender', { request, round });
    if (again.code === 'ok')
      await deps.add('render', [{ request, round: again.round, priority: view.priority }]);
  }
}

function counted(before: GoneLooks | undefined, nowMs: number): GoneLooks {
  return { looks: (before?.looks ?? 0) + 1, firstMs: before?.firstMs ?? nowMs, lastMs: nowMs };
}

export interface LookingLaterDeps {
  readonly redis: Redis;
  readonly prefix: string;
  readonly lookAgain: (signal: AbortSignal) => Promise<number>;
  readonly log: Logger;
  /** Default: a minute. */
  readonly everyMs?: number;
}

const EVERY_MS = 60_000;

/** Looks for what is due now and each minute, one worker at a time by a lock. */
export function startLookingLater({ redis, prefix, lookAgain, log, everyMs = EVERY_MS }: LookingLaterDeps): {
  stop(): Promise<void>;
} {
  const stopped = new AbortController();
  let current: Promise<unknown> = Promise.resolve();
  let busy = false;
  const once = () => {
    // A look at many pictures may take longer than the interval.
    if (busy) return;
    busy = true;
    current = (async () => {
      const lock = `${prefix}:due:lock`;
      if ((await redis.set(lock, '1', 'PX', Math.ceil(everyMs * 0.9), 'NX')) === null) return;
      await lookAgain(stopped.signal);
    })()
      .catch((error: unknown) => {
        if (stopped.signal.aborted) return;
        log.warn({ error: messageOf(error) }, 'looking for paid pictures broke off; it goes on in a minute');
      })
      .finally(() => {
        busy = false;
      });
  };
  once();
  const timer = setInterval(once, everyMs);
  return {
    async stop() {
      clearInterval(timer);
      stopped.abort();
      await current;
    },
  };
}

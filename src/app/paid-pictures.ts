import type { Shop } from '../operations/services.ts';
import type { Logger } from '../shared/base/log.ts';
import type { Clock } from '../shared/base/time.ts';
import type { FalPlatform } from '../shared/fal/history.ts';
import { createFetchMedia, type FetchMediaDeps } from '../shared/fal/media.ts';
import type { FalQueue } from '../shared/fal/queue.ts';
import type { House } from '../shared/requests/steps.ts';
import { createFetchBeforePaying } from '../worker/collect/fetch-before-paying.ts';
import { createFetchOriginal } from '../worker/collect/fetch-original.ts';
import { createFetchPaid } from '../worker/collect/fetch-paid.ts';
import { createMediaStop } from '../worker/collect/media-stop.ts';
import { createFetchPictures } from '../worker/collect/pictures.ts';
import { createLookAgain } from '../worker/later-looks.ts';

export interface PaidPicturesDeps {
  readonly shop: Shop;
  readonly house: House;
  readonly queue: FalQueue;
  readonly platform: FalPlatform;
  readonly outbound: FetchMediaDeps['outbound'];
  readonly mediaHosts: readonly string[];
  readonly patienceMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

const MEDIA_TIMEOUT_MS = 60_000;
/** A request that finds a picture paid by another one fetches it itself within this time, with its claims in hand. */
const FETCH_PAID_MS = 30_000;

/** The three ways by which a worker comes to a picture that fal was paid for. */
export function createPaidPictures(deps: PaidPicturesDeps) {
  const { shop, house, queue, platform, outbound, mediaHosts, patienceMs, clock, log } = deps;
  const { store, journal, records, batches, queues, due, missing } = shop;
  const fetchMedia = createFetchMedia({ outbound, mediaHosts, timeoutMs: MEDIA_TIMEOUT_MS });
  const fetchOriginal = createFetchOriginal({ store, journal, queue, platform, fetchMedia, clock });
  const fetchPaid = createFetchPaid({ store, journal, fetchOriginal, timeoutMs: FETCH_PAID_MS });
  const mediaStop = createMediaStop({ house, missing, resumeSubmits: () => queues.resumeGenerate() });
  const add = queues.add.bind(queues);
  return {
    /** Those of a request that has just been made. */
    fetchPictures: createFetchPictures({
      store,
      journal,
      records,
      fetchOriginal,
      mediaStop,
      due,
      patienceMs,
      clock,
      log,
    }),
    /** Those that others were paid for, before a request pays. */
    fetchBeforePaying: createFetchBeforePaying({ fetchPaid, due, clock }),
    /** Those of requests that have failed for want of them. */
    lookAgain: createLookAgain({
      store,
      journal,
      records,
      batches,
      house,
      due,
      fetchPaid,
      mediaStop,
      add,
      clock,
      log,
    }),
  };
}

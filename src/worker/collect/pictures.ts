import { Later } from '../../shared/base/later.ts';
import type { Logger } from '../../shared/base/log.ts';
import type { Clock } from '../../shared/base/time.ts';
import type { MediaWait } from '../../shared/fal/media.ts';
import type { FalOutput } from '../../shared/fal/queue.ts';
import type { Journal } from '../../shared/journal/journal.ts';
import { isSilentOnPictures, type Result } from '../../shared/journal/objects.ts';
import { PictureError } from '../../shared/pictures/formats.ts';
import type { DuePictures } from '../../shared/requests/due-pictures.ts';
import type { RequestRecord } from '../../shared/requests/record.ts';
import type { Records } from '../../shared/requests/records.ts';
import type { Work } from '../../shared/requests/steps.ts';
import type { RequestFailure } from '../../shared/requests/verdicts.ts';
import type { ObjectStore } from '../../shared/store/object-store.ts';
import { writePaid } from '../../shared/takes/original-notes.ts';
import { listVariants } from '../../shared/takes/originals.ts';
import { stateOf, type Variants } from '../../shared/takes/variants.ts';
import { FetchError, type FetchOriginal, type PaidPicture } from './fetch-original.ts';
import type { MediaStop } from './media-stop.ts';
import { laterLookAtMs, nextLookMs } from './patience.ts';

/** What fal answered, and its own words where they were read just now. */
export interface Answered {
  readonly result: Result;
  readonly output: FalOutput | undefined;
}

/**
 * Stores every picture of a request that fal was paid for. Resolves to the failure that the request ends with, if any: then
 * each picture that could not be had has its paid note. Throws `Later` while there is patience left.
 */
export type FetchPictures = (
  record: RequestRecord,
  work: Work,
  answered: Answered,
  signal: AbortSignal,
) => Promise<RequestFailure | undefined>;

export interface FetchPicturesDeps {
  readonly store: ObjectStore;
  readonly journal: Pick<Journal, 'readIntent'>;
  readonly records: Pick<Records, 'noteLook'>;
  readonly fetchOriginal: FetchOriginal;
  readonly mediaStop: MediaStop;
  readonly due: Pick<DuePictures, 'add'>;
  /** `MEDIA_PATIENCE_S`. */
  readonly patienceMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The same damaged picture for so long, at three looks: fal made it so. */
const SAME_MS = 300_000;
const SAME_LOOKS = 2;

interface Missing {
  readonly picture: PaidPicture;
  readonly wait: MediaWait;
  readonly failure: RequestFailure;
}

export function createFetchPictures(deps: FetchPicturesDeps): FetchPictures {
  const { store, journal, records, fetchOriginal, mediaStop, clock, log } = deps;

  return async (record, work, { result, output }, signal) => {
    const { row, planned } = work;
    const indices = (await journal.readIntent(record.name, record.round, signal))?.indices ?? planned.indices;
    const variants = await listVariants(store, row.shotKey, signal);
    const isSilent = isSilentOnPictures(result.failure?.code);
    const paid = indices
      .map((index, image) => ({ index, image }))
      // Of what has expired, or is too large, it is not known which pictures there were.
      .filter(({ image }) => isSilent || image < result.images.length)
      .map(({ index, image }) => pictureOf(index, image, work, result));
    const missing: Missing[] = [];
    for (const picture of paid) {
      if (stateOf(variants, picture.index) === 'made') continue;
      const one = await tryOne(record, picture, variants, { result, output }, signal);
      if (one !== undefined) missing.push(one);
    }
    if (missing.length === 0) return isSilent ? undefined : result.failure;
    if (isSilent) {
      await giveUp(record, missing, signal);
      return result.failure;
    }
    return await waitOrFail(record, missing, signal);
  };

  /** undefined once it is stored. */
  async function tryOne(
    { request }: RequestRecord,
    picture: PaidPicture,
    variants: Variants,
    answered: Answered,
    signal: AbortSignal,
  ): Promise<Missing | undefined> {
    const variant = variants.get(picture.index);
    try {
      await fetchOriginal(picture, { variant, ...answered, addresses: 'needed' }, signal);
      await mediaStop.fetched(request);
      return undefined;
    } catch (error) {
      if (error instanceof PictureError)
        return { picture, wait: 'none', failure: { code: error.code, message: error.message } };
      if (!(error instanceof FetchError)) throw error;
      const { cause, sameSinceMs } = error;
      const failure = { code: cause.code, message: cause.message };
      if (sameSinceMs === undefined || clock() - sameSinceMs < SAME_MS)
        return { picture, wait: cause.wait, failure };
      const message = 'fal answers the same damaged picture for five minutes; it cannot be decoded.';
      return { picture, wait: cause.wait, failure: { code: 'unreadable_picture', message } };
    }
  }

  async function waitOrFail(
    record: RequestRecord,
    missing: readonly Missing[],
    signal: AbortSignal,
  ): Promise<RequestFailure | undefined> {
    const look = await records.noteLook(record);
    // Another run has it in hand: what it finds counts.
    if (look === undefined) throw new Later(1_000, 'another run looks for its pictures');
    const { sinceMs, looks } = look;
    const waitedMs = clock() - sinceMs;
    const waiting = missing.flatMap(({ wait, failure }) => {
      const isFinal = failure.code === 'unreadable_picture' && looks > SAME_LOOKS;
      const delayMs = nextLookMs({ wait, looks, waitedMs, patienceMs: deps.patienceMs });
      return isFinal || delayMs === undefined ? [] : [{ delayMs, failure }];
    });
    const refused = missing.find(({ failure }) => failure.code === 'media_refused');
    if (refused !== undefined) await mediaStop.refused(refused.failure.message);
    const [first] = waiting.sort((a, b) => a.delayMs - b.delayMs);
    if (first !== undefined) {
      const { message } = first.failure;
      const { request } = record;
      log.warn({ request, looks, waitedMs, nextMs: first.delayMs, message }, 'waiting for a paid picture');
      await mediaStop.missing(request, missing.length, message);
      throw new Later(first.delayMs, message);
    }
    await giveUp(record, missing, signal);
    return missing[0]?.failure;
  }

  /** The notes go first: a request that has failed without them would be paid for again. */
  async function giveUp(
    { request }: RequestRecord,
    missing: readonly Missing[],
    signal: AbortSignal,
  ): Promise<void> {
    const now = clock();
    for (const { picture, failure } of missing) {
      const { shotKey, index, requestId, image } = picture;
      const note = { requestId, image, since: now, why: failure.code };
      await writePaid(store, { shotKey, index }, note, signal);
      const isLooked = failure.code.startsWith('media_') || isSilentOnPictures(failure.code);
      const atMs = isLooked ? laterLookAtMs(0, now, now) : undefined;
      if (atMs !== undefined) await deps.due.add({ shotKey, index, request }, atMs, now);
    }
    await mediaStop.gaveUp(request);
  }
}

function pictureOf(index: number, image: number, { row, model }: Work, { requestId }: Result): PaidPicture {
  return { shotKey: row.shotKey, index, model, requestId, image };
}

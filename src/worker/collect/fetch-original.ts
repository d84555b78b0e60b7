import { createHash } from 'node:crypto';
import type { Clock } from '../../shared/base/time.ts';
import { FalError } from '../../shared/fal/errors.ts';
import type { FalPlatform } from '../../shared/fal/history.ts';
import { type FetchMedia, MediaError } from '../../shared/fal/media.ts';
import type { FalOutput, FalQueue } from '../../shared/fal/queue.ts';
import type { Journal } from '../../shared/journal/journal.ts';
import type { Result } from '../../shared/journal/objects.ts';
import type { Model } from '../../shared/models/model.ts';
import { PictureError, type PictureLimits, RENDITION_FILES } from '../../shared/pictures/formats.ts';
import { pictureLimitsOf } from '../../shared/pictures/limits.ts';
import { structureOf } from '../../shared/pictures/structure.ts';
import { objectKeys } from '../../shared/store/keys.ts';
import type { ObjectStore } from '../../shared/store/object-store.ts';
import { damagedAtMs } from '../../shared/takes/original-notes.ts';
import type { Variant } from '../../shared/takes/variants.ts';

/** One picture that fal was paid for. */
export interface PaidPicture {
  readonly shotKey: string;
  readonly index: number;
  readonly model: Model;
  readonly requestId: string;
  /** Its place in fal's answer, from 0. */
  readonly image: number;
}

export interface FetchOriginalOptions {
  /** How the variant stands by the last listing; undefined where nothing of it is stored. */
  readonly variant: Variant | undefined;
  /** fal's answer as it is stored, where the caller has read it. */
  readonly result?: Result;
  /** fal's answer, where it was read just now. */
  readonly output?: FalOutput | undefined;
  /** `every`: all addresses that fal knows are tried. `needed`: fal is asked only where the stored one does not serve. */
  readonly addresses: 'needed' | 'every';
}

/** What came of the addresses of a picture that could not be had. */
export class FetchError extends Error {
  override readonly cause: MediaError;
  /** Every known address answered 404 or 410, and fal's history, read in full, shows the request without another one. */
  readonly isNowhere: boolean;
  /** The same damaged bytes came again: when they were first marked, ms since 1970. */
  readonly sameSinceMs: number | undefined;

  constructor(cause: MediaError, { isNowhere = false, sameSinceMs }: Partial<FetchError> = {}) {
    super(cause.message, { cause });
    this.name = 'FetchError';
    this.cause = cause;
    this.isNowhere = isNowhere;
    this.sameSinceMs = sameSinceMs;
  }
}

/**
 * Fetches a paid picture, looks at its structure, and keeps it as the variant's next original. Resolves once it is stored.
 * Rejects with a `FetchError` where it cannot be had now, with a `PictureError` where it is whole and above our limits, or
 * with the signal's reason.
 */
export type FetchOriginal = (
  picture: PaidPicture,
  options: FetchOriginalOptions,
  signal: AbortSignal,
) => Promise<void>;

export interface FetchOriginalDeps {
  readonly store: ObjectStore;
  readonly journal: Pick<Journal, 'readResult' | 'readIntent' | 'readId'>;
  readonly queue: Pick<FalQueue, 'result'>;
  readonly platform: Pick<FalPlatform, 'findById'>;
  readonly fetchMedia: FetchMedia;
  readonly clock: Clock;
}

const DAY_MS = 86_400_000;

export function createFetchOriginal(deps: FetchOriginalDeps): FetchOriginal {
  const { store, journal, queue, platform, fetchMedia, clock } = deps;

  return async (picture, { variant, result: read, output, addresses }, signal) => {
    const limits = pictureLimitsOf(picture.model);
    const result = read ?? (await journal.readResult(picture.requestId, signal));
    const known = new Set<string>();
    let refusal: MediaError | undefined;
    let allGone = true;
    const serves = async (address: string | undefined): Promise<boolean> => {
      if (address === undefined || known.has(address)) return false;
      known.add(address);
      try {
        await keep(picture, variant, await fetchMedia(address, limits, signal), limits, result, signal);
        return true;
      } catch (error) {
        if (!(error instanceof MediaError)) throw error;
        refusal = error;
        allGone &&= error.status === 404 || error.status === 410;
        // Another address helps only where this one is refused: it may be old, or its signature over.
        if (addresses === 'needed' && !isDenied(error)) throw new FetchError(error);
        return false;
      }
    };
    if (await serves(result?.images[picture.image]?.url)) return;
    const fresh = output ?? (await outputOf(picture, signal));
    if (await serves(fresh?.images[picture.image]?.url)) return;
    const isSilent = fresh?.images[picture.image] === undefined;
    const history =
      isSilent || addresses === 'every' ? await historyOf(picture, result, signal) : ('unread' as const);
    if (typeof history === 'object' && (await serves(history.output?.images[picture.image]?.url))) return;
    const why =
      refusal ?? new MediaError('away', `fal no longer says where the picture of ${picture.requestId} is.`);
    throw new FetchError(why, { isNowhere: allGone && known.size > 0 && typeof history === 'object' });
  };

  /** fal's own answer, asked again; undefined where it does not give it. */
  async function outputOf(
    { model, requestId }: PaidPicture,
    signal: AbortSignal,
  ): Promise<FalOutput | undefined> {
    try {
      return (await queue.result(model.endpoint, requestId, signal)).output;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof FalError) return undefined;
      throw error;
    }
  }

  /** The request in fal's history; `unread` where that cannot be read in full, or does not show it. */
  async function historyOf(
    { model, requestId }: PaidPicture,
    result: Result | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly output: FalOutput | undefined } | 'unread'> {
    const intent = result && (await journal.readIntent(result, result.round, signal));
    const sentAtMs = intent?.at ?? (await journal.readId(requestId, signal))?.at ?? result?.at ?? clock();
    const window = { fromMs: sentAtMs - DAY_MS, toMs: sentAtMs + DAY_MS };
    try {
      return (await platform.findById(model.endpoint, requestId, window, signal)) ?? 'unread';
    } catch {
      signal.throwIfAborted();
      return 'unread';
    }
  }

  async function keep(
    { shotKey, index, requestId, image }: PaidPicture,
    variant: Variant | undefined,
    body: Buffer,
    limits: PictureLimits,
    result: Result | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const structure = structureOf(body);
    if (structure.kind === 'broken')
      throw new MediaError('spoiled', `What was answered as the picture ${structure.why}.`);
    const { format, width, height } = structure;
    if (width * height > limits.maxPixels || Math.max(width, height) > limits.maxSide) {
      throw new PictureError(
        'too_many_pixels',
        `The picture is ${width}×${height}; at most ${limits.maxPixels / 1_000_000} megapixels and ${limits.maxSide} a side are taken.`,
      );
    }
    const sha256 = createHash('sha256').update(body).digest('hex');
    const sameSinceMs = variant && (await damagedAtMs(store, variant, sha256, signal));
    if (sameSinceMs !== undefined) {
      const same = new MediaError('spoiled', 'The same damaged picture was answered again.');
      throw new FetchError(same, { sameSinceMs });
    }
    const { contentType, extension } = RENDITION_FILES[format];
    const fileName = result?.images[image]?.fileName;
    await store.putOnce(objectKeys.original(shotKey, index, extension, variant?.nextNth ?? 1), body, {
      contentType,
      metadata: {
        'fal-request-id': ascii(requestId),
        ...(fileName === undefined ? {} : { 'fal-file-name': ascii(fileName) }),
      },
      signal,
    });
  }
}

/** The host, or our guard, does not take this very address. */
function isDenied({ wait, status }: MediaError): boolean {
  return wait === 'none' || (status !== undefined && status >= 400 && status < 500 && status !== 429);
}

/** Object metadata travels as HTTP headers. */
function ascii(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '_').slice(0, 200);
}

import { fetch } from 'undici';
import { readAtMost } from '../base/answer-size.ts';
import { errorCodes, messageOf } from '../base/errors.ts';
import { INNER_ADDRESS, type Outbound } from '../base/outbound.ts';
import { withTimeout } from '../base/time.ts';
import { decodeDataUri, PictureError, type PictureLimits, tooManyBytes } from '../pictures/formats.ts';
import { mediaUrlFault } from './media-guard.ts';

/**
 * Why a paid picture cannot be had now. `none`: our own settings refuse its address, so that waiting changes nothing.
 * `away`: its host does not give it. `spoiled`: the host answered 200, and the bytes are no whole picture.
 */
export type MediaWait = 'none' | 'away' | 'spoiled';

/** A paid picture that cannot be had now. What is behind it proves nothing for good but a 404 or 410, again and again. */
export class MediaError extends Error {
  readonly code: 'media_refused' | 'media_unreachable';
  readonly wait: MediaWait;
  /** The host's answer, where it was a refusal. */
  readonly status: number | undefined;

  constructor(
    wait: MediaWait,
    message: string,
    { status, cause }: { readonly status?: number; readonly cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.name = 'MediaError';
    this.code = wait === 'none' ? 'media_refused' : 'media_unreachable';
    this.wait = wait;
    this.status = status;
  }
}

export interface FetchMediaDeps {
  /** A loopback host of `mediaHosts` is asked as it is; any other name must lead into the open net. */
  readonly outbound: Pick<Outbound, 'dispatcher'>;
  readonly mediaHosts: readonly string[];
  readonly timeoutMs: number;
}

/** `limits.maxBytes` is all that counts here. */
export type FetchMedia = (
  address: string,
  limits: Pick<PictureLimits, 'maxBytes'>,
  signal: AbortSignal,
) => Promise<Buffer>;

const MAX_REDIRECTS = 3;

/**
 * Fetches the bytes of a picture, under guard. Rejects with a `MediaError` where they cannot be had, with a `PictureError`
 * where they are too many or no data URI, or with the signal's reason. No message repeats the address's path or query,
 * which may be a signature.
 */
export function createFetchMedia({ outbound, mediaHosts, timeoutMs }: FetchMediaDeps): FetchMedia {
  return async (address, limits, signal) => {
    if (address.startsWith('data:')) return decodeDataUri(address, limits).bytes;
    let at = address;
    for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
      const fault = mediaUrlFault(at, mediaHosts);
      if (fault !== undefined) throw new MediaError('none', `The picture's address is refused: ${fault}.`);
      const answer = await get(at, limits, signal);
      if (Buffer.isBuffer(answer)) return answer;
      if (!URL.canParse(answer.location, at))
        throw new MediaError('away', "The picture's address leads to what is no address.");
      at = new URL(answer.location, at).href;
    }
    throw new MediaError('away', "The picture's address leads from one to the next without end.");
  };

  async function get(
    address: string,
    { maxBytes }: Pick<PictureLimits, 'maxBytes'>,
    signal: AbortSignal,
  ): Promise<Buffer | { location: string }> {
    const host = new URL(address).host;
    try {
      const response = await fetch(address, {
        dispatcher: outbound.dispatcher(address),
        redirect: 'manual',
        signal: withTimeout(signal, timeoutMs),
      });
      const { status, headers, body } = response;
      const location = headers.get('location');
      if (status >= 300 && status < 400 && location !== null) {
        await body?.cancel();
        return { location };
      }
      if (status !== 200 || body === null) {
        await body?.cancel();
        throw new MediaError('away', `${host} answered ${status} for the picture.`, { status });
      }
      return await readAll(body, Number(headers.get('content-length') ?? Number.NaN), maxBytes);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof MediaError || error instanceof PictureError) throw error;
      const codes = errorCodes(error);
      // Its DNS may be mended, so that this proves nothing of the picture.
      if (codes.includes(INNER_ADDRESS))
        throw new MediaError('away', `${host} leads into a private network.`, { cause: error });
      const code = codes.find((one) => one !== 'TypeError') ?? messageOf(error);
      throw new MediaError('away', `${host} broke off while the picture was fetched (${code}).`, {
        cause: error,
      });
    }
  }

  async function readAll(
    body: AsyncIterable<Uint8Array>,
    promisedBytes: number,
    maxBytes: number,
  ): Promise<Buffer> {
    if (promisedBytes > maxBytes) throw tooManyBytes(promisedBytes, maxBytes);
    const bytes = await readAtMost(body, maxBytes, (sizeBytes) => tooManyBytes(sizeBytes, maxBytes));
    if (promisedBytes > bytes.length) throw new Error('shorter than its content-length');
    return bytes;
  }
}

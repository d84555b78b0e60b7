import { type Agent, fetch } from 'undici';
import { errorCodes, messageOf, UnavailableError } from '../../shared/errors.ts';
import { decodeDataUri, PictureError, type PictureLimits, tooManyBytes } from '../../shared/media.ts';
import { withTimeout } from '../../shared/time.ts';
import { mediaUrlFault } from './media-guard.ts';

/** The picture is not to be had for good: the address is refused, or fal says that it is not there. */
export class MediaError extends Error {
  readonly code: 'media_refused' | 'media_gone';

  constructor(code: MediaError['code'], message: string) {
    super(message);
    this.name = 'MediaError';
    this.code = code;
  }
}

export interface FetchMediaDeps {
  readonly agent: Agent;
  readonly mediaHosts: readonly string[];
  readonly limits: PictureLimits;
  readonly timeoutMs: number;
}

const MAX_REDIRECTS = 3;

/**
 * Fetches the bytes of a picture, under guard. Rejects with a `MediaError` or `PictureError` (final), with an
 * `UnavailableError` for what may pass (network faults, 5xx, 429, a truncated body), or with the signal's reason.
 * No message repeats the address's query, which may be a signature.
 */
export function createFetchMedia({ agent, mediaHosts, limits, timeoutMs }: FetchMediaDeps) {
  return async (address: string, signal: AbortSignal): Promise<Buffer> => {
    if (address.startsWith('data:')) return decodeDataUri(address, limits).bytes;
    let at = address;
    for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
      const fault = mediaUrlFault(at, mediaHosts);
      if (fault !== undefined)
        throw new MediaError('media_refused', `The picture's address is refused: ${fault}.`);
      const answer = await get(at, signal);
      if (Buffer.isBuffer(answer)) return answer;
      at = new URL(answer.location, at).href;
    }
    throw new MediaError('media_refused', "The picture's address leads from one to the next without end.");
  };

  async function get(address: string, signal: AbortSignal): Promise<Buffer | { location: string }> {
    const host = new URL(address).host;
    try {
      const response = await fetch(address, {
        dispatcher: agent,
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
        if (status === 429 || status >= 500)
          throw new UnavailableError('fal', `${host} answered ${status} for a picture.`);
        throw new MediaError('media_gone', `${host} answered ${status} for a picture that it had promised.`);
      }
      return await readAll(body, Number(headers.get('content-length') ?? Number.NaN));
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof MediaError || error instanceof UnavailableError || error instanceof PictureError)
        throw error;
      const code = errorCodes(error).find((one) => one !== 'TypeError') ?? messageOf(error);
      throw new UnavailableError('fal', `${host} broke off while a picture was fetched (${code}).`, {
        cause: error,
      });
    }
  }

  async function readAll(body: AsyncIterable<Uint8Array>, promisedBytes: number): Promise<Buffer> {
    if (promisedBytes > limits.maxBytes) throw tooManyBytes(promisedBytes, limits.maxBytes);
    const chunks: Uint8Array[] = [];
    let sizeBytes = 0;
    for await (const chunk of body) {
      sizeBytes += chunk.byteLength;
      if (sizeBytes > limits.maxBytes) throw tooManyBytes(sizeBytes, limits.maxBytes);
      chunks.push(chunk);
    }
    if (promisedBytes > sizeBytes) throw new Error('shorter than its content-length');
    return Buffer.concat(chunks);
  }
}

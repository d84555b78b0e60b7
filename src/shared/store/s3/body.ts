import { ANSWER_BYTES, readAtMost } from '../../base/answer-size.ts';
import { withTimeout } from '../../base/time.ts';
import { GarbledAnswer } from './answers.ts';

/** What is used of the SDK's bodies; in Node each is a Readable. */
export type SdkBody = AsyncIterable<Uint8Array> & { readonly destroy?: () => unknown };

export interface BodyLimit {
  readonly maxBytes: number;
  /** What a longer body rejects with. */
  readonly tooMany: () => Error;
}

/**
 * Reads a body to its end; rejects with the signal's reason when it aborts. The SDK's own abort ends with the headers,
 * and a body that stalls never ends: https://github.com/aws/aws-sdk-js-v3/issues/8098
 */
export async function readBody(
  body: SdkBody,
  signal: AbortSignal,
  { maxBytes, tooMany }: BodyLimit,
): Promise<Buffer> {
  let stop: () => void = () => undefined;
  const stopped = new Promise<never>((_, reject) => {
    stop = () => {
      body.destroy?.();
      reject(signal.reason);
    };
  });
  signal.addEventListener('abort', stop, { once: true });
  try {
    if (signal.aborted) stop();
    return await Promise.race([readAtMost(body, maxBytes, tooMany), stopped]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** For the body of an answer that is no object. */
const SHORT_TIMEOUT_MS = 60_000;

/** Reads what is no object: a page of a listing, a receipt, an error. One that is too long or too slow says nothing. */
export async function readShortBody(body: Uint8Array | SdkBody): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return body;
  return await readBody(body, withTimeout(undefined, SHORT_TIMEOUT_MS), {
    maxBytes: ANSWER_BYTES.other,
    tooMany: () => new GarbledAnswer(`more than ${ANSWER_BYTES.other} bytes where it promises few`),
  });
}

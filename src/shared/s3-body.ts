import { GarbledAnswer } from './s3-answers.ts';

/** What is used of the SDK's body; in Node it is a Readable besides. */
export interface SdkBody {
  transformToByteArray(): Promise<Uint8Array>;
}

/**
 * Reads a body to its end; rejects with the signal's reason when it aborts. The SDK's own abort ends with the headers,
 * and a body that stalls never ends: https://github.com/aws/aws-sdk-js-v3/issues/8098
 */
export async function readBody(body: SdkBody | undefined, signal: AbortSignal): Promise<Buffer> {
  // An object of no bytes has a body, too.
  if (body === undefined) throw new GarbledAnswer('an object without a body');
  let stop: () => void = () => undefined;
  const stopped = new Promise<never>((_, reject) => {
    stop = () => {
      if ('destroy' in body && typeof body.destroy === 'function') body.destroy();
      reject(signal.reason);
    };
  });
  signal.addEventListener('abort', stop, { once: true });
  try {
    if (signal.aborted) stop();
    const bytes = await Promise.race([body.transformToByteArray(), stopped]);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

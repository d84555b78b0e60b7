import { MalformedError } from './errors.ts';

const MIB = 1_048_576;

/**
 * How much of an answer is read, in bytes as unpacked. A result may hold 8 pictures as data URIs, and a page of fal's list
 * 100 inputs and outputs. An object of the store is at most a rendition of 40 megapixels that does not compress (160 MB).
 * All else that fal and S3 say is short: a page of S3's listing holds 1,000 keys of 1 KB.
 */
export const ANSWER_BYTES = { result: 64 * MIB, list: 64 * MIB, object: 256 * MIB, other: 4 * MIB } as const;

/** An object of the store is longer than is read: reading it again changes nothing. */
export class TooLargeObjectError extends MalformedError {
  constructor(key: string) {
    super(
      `${key} in the store has more than ${ANSWER_BYTES.object / MIB} MiB, which nothing of ours has; restore it from a backup.`,
    );
    this.name = 'TooLargeObjectError';
  }
}

/**
 * Reads a body to its end, counted as it is unpacked, and gives up at the first byte too many: rejects with what `tooMany`
 * makes, and asks for no more of it.
 */
export async function readAtMost(
  body: AsyncIterable<Uint8Array> | null,
  maxBytes: number,
  tooMany: (sizeBytes: number) => Error,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  // Leaving the loop cancels the body.
  for await (const chunk of body ?? []) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > maxBytes) throw tooMany(sizeBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, sizeBytes);
}

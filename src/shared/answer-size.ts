const MIB = 1_048_576;

/**
 * How much of an answer is read, in bytes as unpacked. A result may hold 8 pictures as data URIs, and a page of fal's list
 * 100 inputs and outputs; what else fal says is a few kilobytes.
 */
export const ANSWER_BYTES = { result: 64 * MIB, list: 64 * MIB, other: 4 * MIB } as const;

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

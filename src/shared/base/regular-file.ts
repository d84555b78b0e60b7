import { constants, type Stats } from 'node:fs';
import { open, stat } from 'node:fs/promises';

/** Codes, as Node's errors have them: no regular file (a pipe, a device, a socket), and one that is too large. */
export const NO_REGULAR_FILE = 'ENOTREGULAR';
export const FILE_TOO_LARGE = 'EFBIG';

/**
 * Reads a file that a user named, `maxBytes` of it at most. A pipe would be waited for without end, and a device never ends, so
 * both reject, with the code `NO_REGULAR_FILE`; else it rejects as the file system does, or with `FILE_TOO_LARGE`.
 */
export async function readRegularFile(path: string, maxBytes: number): Promise<Buffer> {
  // Opening a pipe that nobody writes to would wait.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    assertIsFile(path, await file.stat());
    const chunks: Buffer[] = [];
    let size = 0;
    for (;;) {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(65_536));
      if (bytesRead === 0) return Buffer.concat(chunks, size);
      size += bytesRead;
      if (size > maxBytes) throw coded(`${path} is too large`, FILE_TOO_LARGE);
      chunks.push(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

/** Rejects with the code `NO_REGULAR_FILE`, or as the file system does. A link counts as what it leads to. */
export async function assertRegularFile(path: string): Promise<void> {
  assertIsFile(path, await stat(path));
}

function assertIsFile(path: string, stats: Stats): void {
  if (stats.isDirectory()) throw coded(`${path} is a folder`, 'EISDIR');
  if (!stats.isFile()) throw coded(`${path} is no regular file`, NO_REGULAR_FILE);
}

function coded(message: string, code: string): Error {
  return Object.assign(new Error(message), { code });
}

import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { errorCodes, UserError } from '../../shared/base/errors.ts';
import { jsonLine } from '../../shared/store/json-line.ts';

/**
 * Writes lines to a file, which appears under its name only when all of them are in it. Its rights are `mode`, or what
 * the user's umask says.
 */
export async function writeLines(file: string, lines: AsyncIterable<string>, mode = 0o666): Promise<void> {
  await writeWhole(file, (part) =>
    pipeline(Readable.from(withBreaks(lines)), createWriteStream(part, { flags: 'wx', mode })),
  );
}

/** A file that appears under its name only when `write` is done with it. Throws a `UserError` where it cannot be. */
export async function writeWhole(file: string, write: (part: string) => Promise<void>): Promise<void> {
  // A name that nobody can have put a link under.
  const part = `${file}.${randomBytes(6).toString('hex')}.part`;
  try {
    await write(part);
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true });
    const code = errorCodes(error).find((one) =>
      ['ENOENT', 'EACCES', 'EISDIR', 'ENOSPC', 'EROFS'].includes(one),
    );
    if (code === undefined) throw error;
    throw new UserError('cannot_write', `${file} cannot be written (${code}); name another file.`, {
      cause: error,
    });
  }
}

/** The items as one JSON array, one item a line. */
export async function* jsonArray(items: AsyncIterable<unknown>): AsyncGenerator<string> {
  let before: string | undefined;
  yield '[';
  for await (const item of items) {
    if (before !== undefined) yield `${before},`;
    before = JSON.stringify(item);
  }
  if (before !== undefined) yield before;
  yield ']';
}

export async function* jsonLines(items: AsyncIterable<unknown>): AsyncGenerator<string> {
  for await (const item of items) yield jsonLine(item);
}

export async function* withBreaks(lines: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) yield `${line}\n`;
}

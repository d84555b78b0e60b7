import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { withBreaks } from '../../operations/export/lines-out.ts';
import { errorCodes } from '../../shared/base/errors.ts';
import type { Context } from '../context.ts';

/** Writes lines to standard output as fast as it takes them. A reader that has seen enough (`| head`) is no error. */
export async function printLines({ stdout }: Context, lines: AsyncIterable<string>): Promise<void> {
  try {
    await pipeline(Readable.from(withBreaks(lines)), stdout, { end: false });
  } catch (error) {
    if (!errorCodes(error).includes('EPIPE')) throw error;
  }
}

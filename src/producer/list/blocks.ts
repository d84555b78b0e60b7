import { isUtf8 } from 'node:buffer';
import { UserError } from '../../shared/base/errors.ts';
import { LIST_LIMITS } from './limits.ts';

/** Bytes of a list that hold whole records only, and so whole characters and whole lines. */
export interface RecordBlock {
  readonly bytes: Buffer;
  /** Line of the file on which it begins, from 1. */
  readonly line: number;
}

export interface BlockOptions {
  /** Whether a line break inside double quotes belongs to the record (CSV) or ends it (JSONL). */
  readonly quotes: boolean;
}

const NEWLINE = 0x0a;
const QUOTE = 0x22;

/**
 * Cuts a stream of bytes where records end. Throws a `UserError` where the bytes are not UTF-8 or a record is longer
 * than 1 MiB. The last block of a list may end inside an open quote.
 */
export async function* recordBlocks(
  chunks: AsyncIterable<Buffer>,
  { quotes }: BlockOptions,
): AsyncGenerator<RecordBlock> {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let open = false;
  let line = 1;
  for await (const chunk of chunks) {
    let end = 0;
    for (let at = 0; at < chunk.length; at += 1) {
      const byte = chunk[at];
      if (byte === QUOTE && quotes) open = !open;
      else if (byte === NEWLINE && !open) end = at + 1;
    }
    if (end === 0) {
      pending.push(chunk);
      pendingBytes += chunk.length;
      // A quote that is never closed would otherwise swallow a list of any length into memory.
      if (pendingBytes > LIST_LIMITS.recordBytes) {
        throw new UserError(
          'bad_list',
          `line ${line}: the row that begins here is longer than 1 MiB; most likely a quote in it is never closed. Nothing was queued.`,
        );
      }
      continue;
    }
    const bytes = Buffer.concat([...pending, chunk.subarray(0, end)]);
    yield checked(bytes, line);
    line += countLines(bytes);
    pending = end < chunk.length ? [chunk.subarray(end)] : [];
    pendingBytes = chunk.length - end;
  }
  if (pending.length > 0) yield checked(Buffer.concat(pending), line);
}

/** One block a record: the slow way, for the blocks that hold a broken one. */
export function* singleRecords({ bytes, line }: RecordBlock): Generator<RecordBlock> {
  let open = false;
  let begin = 0;
  let lineBreaks = 0;
  let recordLine = line;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === QUOTE) open = !open;
    if (byte !== NEWLINE) continue;
    lineBreaks += 1;
    if (open) continue;
    yield { bytes: bytes.subarray(begin, at + 1), line: recordLine };
    begin = at + 1;
    recordLine = line + lineBreaks;
  }
  if (begin < bytes.length) yield { bytes: bytes.subarray(begin), line: recordLine };
}

export function countLines(bytes: Buffer): number {
  let lines = 0;
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) lines += 1;
  return lines;
}

function checked(bytes: Buffer, line: number): RecordBlock {
  if (isUtf8(bytes)) return { bytes, line };
  let at = line;
  for (let begin = 0; begin < bytes.length; at += 1) {
    const newline = bytes.indexOf(NEWLINE, begin);
    const end = newline === -1 ? bytes.length : newline + 1;
    if (!isUtf8(bytes.subarray(begin, end))) break;
    begin = end;
  }
  throw new UserError(
    'bad_list',
    `line ${at}: not UTF-8 text; save the list as UTF-8 (in a spreadsheet: "CSV UTF-8"). Nothing was queued.`,
  );
}

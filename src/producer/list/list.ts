import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { addAbortSignal, pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { errorCodes, UserError } from '../../shared/base/errors.ts';
import { assertRegularFile, NO_REGULAR_FILE } from '../../shared/base/regular-file.ts';
import { recordBlocks } from './blocks.ts';
import { csvRows } from './csv.ts';
import type { RowFault } from './fault.ts';
import { jsonlRows } from './jsonl.ts';
import { assertRowFits, assertSizeFits, LIST_LIMITS } from './limits.ts';

/** One row as it was written: every column as text, in the order of the list. */
export interface RawRow {
  /** Line of the file on which it begins, from 1. */
  readonly line: number;
  /** An absent column (JSONL) is not there; an empty cell is the empty text. */
  readonly columns: Readonly<Record<string, string>>;
}

export type ListSource =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'stdin'; readonly stream: AsyncIterable<Uint8Array> }
  /** `open` is called when the list is read, once a reading. */
  | {
      readonly kind: 's3';
      readonly address: string;
      readonly open: (signal: AbortSignal | undefined) => AsyncIterable<Uint8Array>;
    }
  | { readonly kind: 'prompt'; readonly prompt: string };

const CHUNK_BYTES = 131_072;

export interface ReadOptions {
  /** Of the list, unpacked. */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal;
}

/** What the list is called in messages: its file name, `stdin` or `--prompt`. */
export function listName(source: ListSource): string {
  switch (source.kind) {
    case 'file':
      return basename(source.path);
    case 's3':
      return basename(source.address);
    case 'stdin':
      return 'stdin';
    case 'prompt':
      return '--prompt';
  }
}

/** How the bytes of a list are to be read. */
export interface ListForm {
  /** For messages. */
  readonly name: string;
  /** undefined: the first character tells. */
  readonly format: 'csv' | 'jsonl' | undefined;
  readonly packed: boolean;
  /** Of the whole list, unpacked. */
  readonly maxBytes: number;
}

/** A list that is read from somewhere: all but the one row of a prompt. */
export type StoredList = Exclude<ListSource, { kind: 'prompt' }>;

/** Throws a `UserError` (`bad_list`) if the name of a file or an object is no name of a list. */
export function formOf(source: StoredList, maxBytes: number): ListForm {
  const name = listName(source);
  if (source.kind === 'stdin') return { name, format: undefined, packed: false, maxBytes };
  return { name, format: formatByName(name), packed: name.toLowerCase().endsWith('.gz'), maxBytes };
}

/**
 * Streams a list: CSV or JSONL from a file or an S3 object (`.gz` too) or stdin, or the one row of a prompt. A broken row comes as a
 * fault in its place. Throws a `UserError` where the list as a whole cannot be read: no such file, not UTF-8, an
 * unusable header, no row at all, more than `LIST_LIMITS`. `maxBytes`: of the whole list, unpacked. Aborting ends it with the signal's reason and closes the file.
 */
export async function* readList(
  source: ListSource,
  { maxBytes = LIST_LIMITS.unpackedBytes, signal }: ReadOptions = {},
): AsyncGenerator<RawRow | RowFault> {
  if (source.kind === 'prompt') yield promptRow(source.prompt);
  else yield* readRows(listBytes(source, signal), formOf(source, maxBytes));
}

/** The one row that a prompt of the command line is. Throws a `UserError` where it is too long. */
export function promptRow(prompt: string): RawRow {
  const row = { line: 1, columns: { id: 'prompt', prompt } };
  assertRowFits(row);
  return row;
}

/** The rows of a list by its bytes, packed or not; what it throws and yields is what `readList` does. */
export async function* readRows(
  bytes: AsyncIterable<Uint8Array>,
  form: ListForm,
): AsyncGenerator<RawRow | RowFault> {
  let empty = true;
  for await (const row of rowsOf(bytes, form)) {
    empty = false;
    if ('columns' in row) assertRowFits(row);
    yield row;
  }
  if (empty) {
    throw new UserError(
      'empty_list',
      `${form.name} is empty: it holds no row. A list has a header line (id,prompt,…) and one row a shot.`,
    );
  }
}

async function* rowsOf(bytes: AsyncIterable<Uint8Array>, form: ListForm): AsyncGenerator<RawRow | RowFault> {
  const { first, chunks } = await opened(form.packed ? unpacked(bytes, form) : plain(bytes, form));
  if ((form.format ?? (first === '{' ? 'jsonl' : 'csv')) === 'jsonl')
    yield* jsonlRows(recordBlocks(chunks, { quotes: false }));
  else yield* csvRows(recordBlocks(chunks, { quotes: true }));
}

function formatByName(path: string): 'csv' | 'jsonl' {
  const name = path.toLowerCase().replace(/\.gz$/, '');
  if (/\.(csv|tsv)$/.test(name)) return 'csv';
  if (/\.(jsonl|ndjson)$/.test(name)) return 'jsonl';
  throw new UserError(
    'bad_list',
    `${basename(path)} is no list: its name must end in .csv or .jsonl (or .csv.gz, .jsonl.gz); for stdin write -.`,
  );
}

/**
 * The bytes of a list as they are stored. Throws a `UserError` (`bad_list`) if the file cannot be read; aborting ends it
 * with the signal's reason.
 */
export async function* listBytes(
  source: StoredList,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  try {
    if (source.kind === 'file') await assertRegularFile(source.path);
    const stream = streamOf(source, signal);
    // Otherwise an abort would wait for a terminal's next line.
    if (signal !== undefined && stream instanceof Readable) addAbortSignal(signal, stream);
    for await (const chunk of stream) {
      signal?.throwIfAborted();
      yield bufferOf(chunk);
    }
  } catch (thrown) {
    signal?.throwIfAborted();
    throw readFault(source, thrown);
  }
}

function streamOf(source: StoredList, signal: AbortSignal | undefined): AsyncIterable<Uint8Array> {
  if (source.kind === 'stdin') return source.stream;
  if (source.kind === 'file') return createReadStream(source.path, { highWaterMark: CHUNK_BYTES });
  return Readable.from(source.open(signal));
}

async function* unpacked(
  bytes: AsyncIterable<Uint8Array>,
  { name, maxBytes }: ListForm,
): AsyncGenerator<Buffer> {
  try {
    // The iteration reports the error: pipeline destroys the last stream with it, and the first when we stop early.
    const gunzip = pipeline(Readable.from(bytes), createGunzip({ chunkSize: CHUNK_BYTES }), () => undefined);
    let unpackedBytes = 0;
    for await (const chunk of gunzip) {
      unpackedBytes += chunk.byteLength;
      assertSizeFits(name, { unpackedBytes, packedBytes: gunzip.bytesWritten, maxBytes });
      yield bufferOf(chunk);
    }
  } catch (thrown) {
    throw sentenceOf(thrown, [
      ['Z_DATA_ERROR', `${name} cannot be unpacked: it is not gzip, or damaged.`],
      ['Z_BUF_ERROR', `${name} cannot be unpacked: its end is missing.`],
    ]);
  }
}

async function* plain(
  bytes: AsyncIterable<Uint8Array>,
  { name, maxBytes }: ListForm,
): AsyncGenerator<Buffer> {
  let unpackedBytes = 0;
  for await (const chunk of bytes) {
    unpackedBytes += chunk.byteLength;
    assertSizeFits(name, { unpackedBytes, packedBytes: undefined, maxBytes });
    yield bufferOf(chunk);
  }
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

function readFault(source: StoredList, thrown: unknown): unknown {
  const name = listName(source);
  const named = sentenceOf(thrown, [
    ['ENOENT', `There is no list ${name}; check the path.`],
    ['EISDIR', `${name} is a folder; name the list in it.`],
    [
      NO_REGULAR_FILE,
      `${name} is a pipe or a device; name a file, or write - and hand it to standard input.`,
    ],
    ['EACCES', `${name} cannot be read: permission denied.`],
  ]);
  if (named !== thrown) return named;
  const code = errorCodes(thrown).find((one) => /^E[A-Z]+$/.test(one));
  // A bucket that is away is another matter: there the same read may be repeated.
  if (source.kind !== 'file' || code === undefined) return thrown;
  return new UserError('bad_list', `${name} cannot be read (${code}); check the path.`, { cause: thrown });
}

/** What was thrown, as a `UserError` if one of the sentences is of its code. */
function sentenceOf(thrown: unknown, sentences: readonly (readonly [string, string])[]): unknown {
  const codes = errorCodes(thrown);
  const sentence = sentences.find(([code]) => codes.includes(code))?.[1];
  return sentence === undefined ? thrown : new UserError('bad_list', sentence, { cause: thrown });
}

/** Takes the byte order mark off and looks at the first character that is not blank. */
async function opened(
  source: AsyncGenerator<Buffer>,
): Promise<{ readonly first: string; readonly chunks: AsyncGenerator<Buffer> }> {
  let head = Buffer.alloc(0);
  let first = '';
  // Behind so many blank lines nothing is looked for: all of them would be looked through once a chunk.
  while (first === '' && head.length <= LIST_LIMITS.recordBytes) {
    const next = await source.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
    if (head.length < 3) continue;
    first = head
      .toString('latin1')
      .replace(/^\u00ef\u00bb\u00bf/, '')
      .trimStart()
      .charAt(0);
  }
  const mark = head.toString('latin1', 0, 3);
  if (mark.startsWith('\u00ff\u00fe') || mark.startsWith('\u00fe\u00ff')) {
    await source.return(undefined);
    throw new UserError('bad_list', 'line 1: the list is UTF-16; save it as UTF-8. Nothing was queued.');
  }
  const body = mark === '\u00ef\u00bb\u00bf' ? head.subarray(3) : head;
  return { first, chunks: prefixed(body, source) };
}

async function* prefixed(head: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  try {
    if (head.length > 0) yield head;
    yield* rest;
  } finally {
    await rest.return(undefined);
  }
}

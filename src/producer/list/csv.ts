import { CsvError, parse } from 'csv-parse/sync';
import { UserError } from '../../shared/base/errors.ts';
import { shown } from '../../shared/base/text.ts';
import { countLines, type RecordBlock, singleRecords } from './blocks.ts';
import type { RowFault } from './fault.ts';
import { assertColumnsFit, BlankRows } from './limits.ts';
import type { RawRow } from './list.ts';

interface CsvRecord {
  readonly line: number;
  readonly cells: readonly string[];
}

/**
 * The rows of a CSV list with a header line; rows of empty cells, which spreadsheets leave behind, are none. A broken row is a fault in its place, and the rows behind it are still
 * read. Throws a `UserError` where the header cannot be used.
 */
export async function* csvRows(blocks: AsyncIterable<RecordBlock>): AsyncGenerator<RawRow | RowFault> {
  let names: readonly string[] | undefined;
  let delimiter: string | undefined;
  const blank = new BlankRows();
  for await (const block of blocks) {
    delimiter ??= isBlank(block.bytes) ? undefined : delimiterOf(block);
    // Parsed line by line, blank ones cost as much as rows.
    if (delimiter === undefined || isBlank(block.bytes)) {
      blank.add(block.line, countLines(block.bytes));
      continue;
    }
    for (const record of recordsOf(block, delimiter)) {
      if (!('cells' in record)) yield record;
      else if (record.cells.every((cell) => cell.trim() === '')) blank.add(record.line);
      else if (names === undefined) names = headerOf(record);
      else if (record.cells.length === names.length) yield rowOf(record, names);
      else yield raggedFault(record, names);
    }
  }
}

function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === NEWLINE || byte === RETURN);
}

const NEWLINE = 0x0a;
const RETURN = 0x0d;

/** Blocks are parsed whole; a block with a broken record once more, record by record, to tell which. */
function* recordsOf(block: RecordBlock, delimiter: string): Generator<CsvRecord | RowFault> {
  const parsed = tryParse(block, delimiter);
  if ('cells' in parsed) {
    let line = block.line;
    for (const cells of parsed.cells) {
      yield { line, cells };
      line += 1;
      for (const cell of cells) line += lineBreaksIn(cell);
    }
    return;
  }
  const records = [...singleRecords(block)];
  if (records.length > 1) {
    for (const record of records) yield* recordsOf(record, delimiter);
    return;
  }
  yield parsed;
  // A stray quote makes one record of all lines up to the next quote: go on behind the line that holds it.
  const rest = behindLine(block, parsed.line);
  if (rest.bytes.length > 0) yield* recordsOf(rest, delimiter);
}

function tryParse({ bytes, line }: RecordBlock, delimiter: string): { cells: string[][] } | RowFault {
  try {
    // Blank lines come as one empty cell, which keeps the count of lines right.
    return {
      cells: parse(bytes, { delimiter, record_delimiter: ['\r\n', '\n'], relax_column_count: true }),
    };
  } catch (thrown) {
    if (!(thrown instanceof CsvError)) throw thrown;
    if (thrown.code === 'CSV_QUOTE_NOT_CLOSED') {
      return { line, column: undefined, sentence: 'a quote is opened in this row and never closed' };
    }
    const within = typeof thrown['lines'] === 'number' ? thrown['lines'] - 1 : 0;
    return {
      line: line + within,
      column: undefined,
      sentence:
        'a quote stands inside a cell; put the whole cell in quotes and write each quote inside twice',
    };
  }
}

function behindLine({ bytes, line }: RecordBlock, last: number): RecordBlock {
  let begin = 0;
  for (let at = line; at <= last; at += 1) {
    const newline = bytes.indexOf('\n', begin);
    if (newline === -1) return { bytes: bytes.subarray(bytes.length), line: at };
    begin = newline + 1;
  }
  return { bytes: bytes.subarray(begin), line: last + 1 };
}

function headerOf({ cells, line }: CsvRecord): readonly string[] {
  const names = cells.map((cell) => cell.trim());
  assertColumnsFit(names, line);
  const seen = new Set<string>();
  for (const [index, name] of names.entries()) {
    if (name === '') throw badHeader(line, `column ${index + 1} has no name`);
    if (name === '__proto__') throw badHeader(line, 'no column can be called "__proto__"');
    if (seen.has(name)) throw badHeader(line, `two columns are called ${shown(name)}; rename one`);
    seen.add(name);
  }
  return names;
}

function badHeader(line: number, sentence: string): UserError {
  return new UserError('bad_list', `line ${line}, the header: ${sentence}. Nothing was queued.`);
}

function rowOf({ line, cells }: CsvRecord, names: readonly string[]): RawRow {
  const columns: Record<string, string> = {};
  for (let index = 0; index < names.length; index += 1) columns[names[index] ?? ''] = cells[index] ?? '';
  return { line, columns };
}

function raggedFault({ line, cells }: CsvRecord, names: readonly string[]): RowFault {
  const count = `${cells.length} ${cells.length === 1 ? 'cell' : 'cells'}`;
  const hint =
    cells.length > names.length ? '; a cell that holds the separator must stand in quotes' : '; fill it up';
  return {
    line,
    column: undefined,
    sentence: `the row has ${count}, the header names ${names.length} columns${hint}`,
  };
}

function lineBreaksIn(cell: string): number {
  let lines = 0;
  for (let at = cell.indexOf('\n'); at !== -1; at = cell.indexOf('\n', at + 1)) lines += 1;
  return lines;
}

/** The separator that the header line holds most of, outside quotes; undefined while there are only blank lines. */
function delimiterOf(block: RecordBlock): string | undefined {
  for (const { bytes } of singleRecords(block)) {
    const header = bytes.toString();
    if (header.trim() === '') continue;
    const counts = { ',': 0, ';': 0, '\t': 0 };
    let open = false;
    for (const character of header) {
      if (character === '"') open = !open;
      else if (!open && (character === ',' || character === ';' || character === '\t'))
        counts[character] += 1;
    }
    return Object.entries(counts).reduce((most, each) => (each[1] > most[1] ? each : most))[0];
  }
  return undefined;
}

import { shown } from '../../shared/base/text.ts';
import type { RecordBlock } from './blocks.ts';
import type { RowFault } from './fault.ts';
import { BlankRows } from './limits.ts';
import type { RawRow } from './list.ts';

/** The rows of a JSONL list: one object of plain values a line. Blank lines are skipped, broken lines are faults. */
export async function* jsonlRows(blocks: AsyncIterable<RecordBlock>): AsyncGenerator<RawRow | RowFault> {
  const blank = new BlankRows();
  for await (const block of blocks) {
    let line = block.line;
    // Behind the last line break of a block there is no line.
    for (const text of block.bytes.toString().replace(/\n$/, '').split('\n')) {
      if (text.trim() !== '') yield rowOf(text, line);
      else blank.add(line);
      line += 1;
    }
  }
}

function rowOf(text: string, line: number): RawRow | RowFault {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { line, column: undefined, sentence: `not JSON: ${shown(text.trim())}; write one object a line` };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return {
      line,
      column: undefined,
      sentence: `${shown(text.trim())} is no object; write {"id": …} a line`,
    };
  }
  const columns: Record<string, string> = {};
  for (const [column, cell] of Object.entries(value)) {
    const read = textOf(cell);
    if (typeof read === 'object') return { line, column, sentence: read.sentence };
    if (column === '' || column === '__proto__') {
      return { line, column, sentence: 'no column can have this name' };
    }
    if (read !== undefined) columns[column] = read;
  }
  return { line, columns };
}

/** undefined: absent. */
function textOf(cell: unknown): string | undefined | { readonly sentence: string } {
  if (typeof cell === 'string') return cell;
  if (cell === null) return undefined;
  if (typeof cell === 'boolean') return String(cell);
  if (typeof cell === 'number') {
    // JSON.parse has already rounded it: the id of another product.
    const rounded = !Number.isFinite(cell) || (Number.isInteger(cell) && !Number.isSafeInteger(cell));
    return rounded
      ? { sentence: 'the number is too big to be read exactly; put it in quotes' }
      : String(cell);
  }
  return { sentence: `${shown(JSON.stringify(cell))} is nested; use text, a number, true, false or null` };
}

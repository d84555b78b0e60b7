import type { ColumnCost, ColumnsCost } from '../../producer/estimate/column-costs.ts';
import { count } from '../../shared/base/text.ts';

/** Four pictures a row, or high quality in place of medium, are four times; a few rows of both are chosen on purpose, too. */
const DEAR_TIMES = 5;

/** Whether the columns make the list so much dearer that the user is asked, however little it costs. */
export function isDear({ times }: ColumnsCost): boolean {
  return times > DEAR_TIMES;
}

/** What the columns do to the cost, without a full stop; undefined if there is none. */
export function columnsSentence(columns: readonly ColumnCost[]): string | undefined {
  return columns.length === 0 ? undefined : `The column ${columns.map(makes).join(', ')}`;
}

function makes({ column, rows, images, times }: ColumnCost): string {
  const pictures = `${column} makes ${count(images, 'picture')} of ${count(rows, 'row')}`;
  return column === 'variants' ? pictures : `${pictures} ${timesText(times)} as dear`;
}

/** The line of an estimate; undefined if no column has a part in it. */
export function columnsLine({ columns }: ColumnsCost): string | undefined {
  const sentence = columnsSentence(columns);
  if (sentence === undefined) return undefined;
  return `${sentence}; a column that means something else in your shop: --ignore ${columns.length === 1 ? columns[0]?.column : 'COLUMN'}`;
}

/** `42 times`, `2.7 times`. */
export function timesText(times: number): string {
  return `${roundedTimes(times).toLocaleString('en')} times`;
}

/** One decimal up to ten, none above. */
export function roundedTimes(times: number): number {
  return times < 10 ? Math.round(times * 10) / 10 : Math.round(times);
}

import { stringify } from 'csv-stringify/sync';

export type Cell = string | number | boolean | undefined;

/** One line of a CSV that a spreadsheet may open: quoted where it must be, without its line break. */
export function csvLine(cells: readonly Cell[]): string {
  return stringify([cells.map((cell) => (typeof cell === 'string' ? harmless(cell) : String(cell ?? '')))], {
    record_delimiter: '',
    quoted_match: /[\r\n]/,
  });
}

/**
 * A text that a spreadsheet would run as a formula gets an apostrophe in front, which makes it a text there. The
 * library's own `escape_formulas` leaves out the tab.
 */
export function harmless(text: string): string {
  return /^[=+\-@\t\r\n＝＋－＠]/.test(text) ? `'${text}` : text;
}

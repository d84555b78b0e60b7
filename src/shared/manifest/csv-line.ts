import { type Options, stringify } from 'csv-stringify/sync';

export type Cell = string | number | boolean | undefined;

/**
 * One line of a CSV that people open in a spreadsheet, without its line break: no text in it is run as a formula, and
 * each is in quotes, so that a spreadsheet that splits at blanks or colons finds nothing to split.
 */
export function csvLine(cells: readonly Cell[]): string {
  return lineOf(
    cells.map((cell) => (typeof cell === 'string' ? harmless(cell) : cell)),
    { quoted_string: true, quoted_empty: false },
  );
}

/** One line of a CSV that an importer reads, without its line break: what the list said, byte for byte. */
export function importerLine(cells: readonly Cell[]): string {
  return lineOf(cells, { quoted_match: /[\r\n;\t|]/ });
}

function lineOf(cells: readonly Cell[], options: Options): string {
  return stringify([[...cells]], { record_delimiter: '', cast: { boolean: String }, ...options });
}

/** What a spreadsheet may split a line at, beside the comma: then a formula begins behind it. */
const SEPARATORS = /([;\t|\r\n])/;
/** Behind blanks and characters that nobody sees, too: some spreadsheets drop them. */
const FORMULA = /^[\s\p{Cc}\p{Cf}]*[=+\-@＝＋－＠]/u;
const NUMBER = /^\s*[+-]?\d+(?:[.,]\d+)*(?:e[+-]?\d+)?\s*%?\s*$/i;

/**
 * A text that a spreadsheet would run as a formula gets an apostrophe in front, which makes it a text there. The
 * library's own `escape_formulas` leaves out what stands behind a blank or another separator.
 */
export function harmless(text: string): string {
  const safe = text
    .split(SEPARATORS)
    .map((part) => (FORMULA.test(part) && !NUMBER.test(part) ? `'${part}` : part))
    .join('');
  return /^[\t\r\n]/.test(safe) ? `'${safe}` : safe;
}

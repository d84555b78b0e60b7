import { UserError } from '../../shared/base/errors.ts';
import { shown } from '../../shared/base/text.ts';

/** What a list may be, from wherever it is read: what is longer is refused, and nothing of it is queued. */
export const LIST_LIMITS = {
  /** Of a row's columns as JSON in UTF-8: as the plan stores them. */
  rowBytes: 65_536,
  columns: 1_000,
  columnNameCharacters: 200,
  /** Of a row in the file. Its quotes and escapes may take more room there. */
  recordBytes: 1_048_576,
  /** Of the whole list, unpacked: default of `LIST_MAX_MB`. */
  unpackedBytes: 2_147_483_648,
  /** Unpacked to packed bytes of a `.gz`, once more than `ratioFreeBytes` came out of it. */
  gzipRatio: 200,
  ratioFreeBytes: 8_388_608,
  /** Reading ends there. */
  faults: 1_000,
  /** Blank lines, and rows of empty cells. A spreadsheet may leave 1,048,576 of them behind. */
  blankRows: 2_000_000,
} as const;

/** A character is at most so many bytes of JSON: one that is escaped. */
const MOST_BYTES = 6;

/** Throws a `UserError` where the row is larger than `LIST_LIMITS` says. */
export function assertRowFits({
  line,
  columns,
}: {
  readonly line: number;
  readonly columns: Readonly<Record<string, string>>;
}): void {
  let names = 0;
  let characters = 0;
  for (const name in columns) {
    names += 1;
    if (name.length > LIST_LIMITS.columnNameCharacters) assertColumnsFit([name], line);
    characters += name.length + (columns[name]?.length ?? 0) + 1;
  }
  if (names > LIST_LIMITS.columns) assertColumnsFit(Object.keys(columns), line);
  if (characters * MOST_BYTES <= LIST_LIMITS.rowBytes) return;
  const bytes = Buffer.byteLength(JSON.stringify(columns));
  if (bytes <= LIST_LIMITS.rowBytes) return;
  throw badList(
    line,
    `the row has ${kib(bytes)} KiB of text; a row may have ${kib(LIST_LIMITS.rowBytes)} KiB`,
  );
}

/** Throws a `UserError` where there are too many columns, or the name of one is too long. */
export function assertColumnsFit(names: readonly string[], line: number): void {
  if (names.length > LIST_LIMITS.columns) {
    throw badList(
      line,
      `there are ${names.length.toLocaleString('en-US')} columns; a list may have ${LIST_LIMITS.columns.toLocaleString('en-US')}`,
    );
  }
  const long = names.find((name) => name.length > LIST_LIMITS.columnNameCharacters);
  if (long === undefined) return;
  throw badList(
    line,
    `the column ${shown(long)} has a name of ${long.length.toLocaleString('en-US')} characters; a name may have ${LIST_LIMITS.columnNameCharacters}`,
  );
}

/** Counts the rows of a list that hold nothing. */
export class BlankRows {
  #count = 0;

  /** `line`: of the first of these rows, which follow each other. Throws a `UserError` where there are too many. */
  add(line: number, rows = 1): void {
    const allowed = LIST_LIMITS.blankRows - this.#count;
    this.#count += rows;
    if (rows <= allowed) return;
    throw badList(
      line + allowed,
      `more than ${LIST_LIMITS.blankRows.toLocaleString('en-US')} rows are blank; take them out of the list`,
    );
  }
}

/** Throws a `UserError` where more came out of a list than is allowed. `packedBytes`: of a `.gz`, so far. */
export function assertSizeFits(
  name: string,
  {
    unpackedBytes,
    packedBytes,
    maxBytes,
  }: {
    readonly unpackedBytes: number;
    readonly packedBytes: number | undefined;
    readonly maxBytes: number;
  },
): void {
  if (unpackedBytes > maxBytes) {
    throw new UserError(
      'bad_list',
      `${name} has more than ${Math.round(maxBytes / 1_048_576).toLocaleString('en-US')} MiB, unpacked; split it, or raise LIST_MAX_MB. Nothing was queued.`,
    );
  }
  if (packedBytes === undefined || unpackedBytes <= LIST_LIMITS.ratioFreeBytes) return;
  if (unpackedBytes <= packedBytes * LIST_LIMITS.gzipRatio) return;
  throw new UserError(
    'bad_list',
    `${name} unpacks to more than ${LIST_LIMITS.gzipRatio} times its size, as no list does; unpack it and look at it. Nothing was queued.`,
  );
}

function badList(line: number, sentence: string): UserError {
  return new UserError('bad_list', `line ${line}: ${sentence}. Nothing was queued.`);
}

function kib(bytes: number): string {
  return Math.ceil(bytes / 1_024).toLocaleString('en-US');
}

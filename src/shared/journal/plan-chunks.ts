import { MalformedError } from '../base/errors.ts';

/** A plan chunk ends at so many rows, or before it has more bytes than this, unpacked. Writer and reader both hold to it. */
export const PLAN_CHUNK_ROWS = 250;
export const PLAN_CHUNK_BYTES = 8_388_608;
/**
 * Of one row as JSON: its columns (`LIST_LIMITS.rowBytes`), a prompt of 32,000 characters with six bytes each, and 100
 * requests stay below it.
 */
export const PLAN_ROW_BYTES = 524_288;

/** A plan chunk that stands in the store and can never be read: reading it again changes nothing. */
export class UnreadablePlanError extends MalformedError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'UnreadablePlanError';
  }
}

/** Says where the chunks of a plan begin, while its rows are written. */
export class PlanCutter {
  readonly #starts: number[] = [];
  #row = 0;
  #bytes = 0;

  /** Takes the next row, as JSON. Whether a chunk begins with it; throws a `RangeError` where no reader would take it. */
  begins(line: string): boolean {
    // With its line break.
    const bytes = Buffer.byteLength(line) + 1;
    if (bytes > PLAN_ROW_BYTES) throw new RangeError(`a plan row of ${bytes} bytes`);
    const start = this.#starts.at(-1);
    const begins =
      start === undefined || this.#row - start >= PLAN_CHUNK_ROWS || this.#bytes + bytes > PLAN_CHUNK_BYTES;
    if (begins) this.#starts.push(this.#row);
    this.#bytes = begins ? bytes : this.#bytes + bytes;
    this.#row += 1;
    return begins;
  }

  /** The first row of each chunk; undefined where all but the last have `PLAN_CHUNK_ROWS` rows. */
  get starts(): readonly number[] | undefined {
    const isEven = this.#starts.every((start, chunk) => start === chunk * PLAN_CHUNK_ROWS);
    return isEven ? undefined : this.#starts;
  }
}

/** In which chunk a row stands. `starts` as a head has them. */
export function chunkOfRow(row: number, starts: readonly number[] | undefined): number {
  if (starts === undefined) return Math.floor(row / PLAN_CHUNK_ROWS);
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((starts[middle] ?? 0) <= row) low = middle;
    else high = middle - 1;
  }
  return low;
}

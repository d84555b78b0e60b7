/** Shots a segment: segments are never copied, so the table grows without a moment in which it is held twice. */
const SEGMENT = 65_536;
const WORDS = 4;

/** In a variant's byte: it is paid, and not made. */
const PAID = 0x80;

/**
 * Which variants of which shots are made or paid, filled in ascending order of the shot keys, as a listing gives them: 20
 * bytes a shot and 1 to 2 a variant, so a million originals take about 22 MB.
 */
export class OriginalsTable {
  readonly #segments: { readonly keys: Uint32Array; readonly starts: Uint32Array }[] = [];
  #variants = new Uint8Array(1_024);
  #shots = 0;
  #filled = 0;
  #last = '';

  /** `shotKey`: 32 hex digits, not below any added before. `index`: below 128. */
  add(shotKey: string, index: number, state: 'made' | 'paid'): void {
    if (shotKey !== this.#last) this.#begin(shotKey);
    if (this.#filled === this.#variants.length) {
      const grown = new Uint8Array(this.#variants.length * 2);
      grown.set(this.#variants);
      this.#variants = grown;
    }
    this.#variants[this.#filled] = state === 'paid' ? index | PAID : index;
    this.#filled += 1;
  }

  /** In ascending order. */
  indicesOf(shotKey: string, state: 'made' | 'paid'): number[] {
    const at = this.#find(wordsOf(shotKey));
    if (at === undefined) return [];
    return [...this.#variants.subarray(this.#startOf(at), this.#startOf(at + 1))]
      .filter((variant) => variant >= PAID === (state === 'paid'))
      .map((variant) => variant & ~PAID)
      .sort((a, b) => a - b);
  }

  #begin(shotKey: string): void {
    const at = this.#shots % SEGMENT;
    const open = at === 0 ? undefined : this.#segments.at(-1);
    const segment = open ?? { keys: new Uint32Array(SEGMENT * WORDS), starts: new Uint32Array(SEGMENT) };
    if (open === undefined) this.#segments.push(segment);
    segment.keys.set(wordsOf(shotKey), at * WORDS);
    segment.starts[at] = this.#filled;
    this.#shots += 1;
    this.#last = shotKey;
  }

  #startOf(shot: number): number {
    if (shot >= this.#shots) return this.#filled;
    return this.#segments[Math.floor(shot / SEGMENT)]?.starts[shot % SEGMENT] ?? 0;
  }

  #find(words: readonly number[]): number | undefined {
    let low = 0;
    let high = this.#shots;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const order = this.#compare(middle, words);
      if (order === 0) return middle;
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return undefined;
  }

  #compare(shot: number, words: readonly number[]): number {
    const keys = this.#segments[Math.floor(shot / SEGMENT)]?.keys;
    const at = (shot % SEGMENT) * WORDS;
    for (let word = 0; word < WORDS; word += 1) {
      const order = (keys?.[at + word] ?? 0) - (words[word] ?? 0);
      if (order !== 0) return order;
    }
    return 0;
  }
}

function wordsOf(shotKey: string): number[] {
  return [0, 8, 16, 24].map((from) => Number.parseInt(shotKey.slice(from, from + 8), 16));
}

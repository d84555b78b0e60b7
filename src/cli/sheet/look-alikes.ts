/**
 * Pictures of other shots that look nearly the same, by their perceptual hashes. Each is compared with those before it:
 * up to so many, since the comparisons grow with the square.
 */
const MOST_PICTURES = 20_000;
/** Bits of 64 that may differ: a picture that was only compressed again differs in as many. */
const NEARLY = 3;

export class LookAlikes {
  readonly #high = new Uint32Array(MOST_PICTURES);
  readonly #low = new Uint32Array(MOST_PICTURES);
  readonly #shots: string[] = [];

  /** The shot that it looks like, the first of them; undefined where there is none. */
  add(shot: string, pHash: string): string | undefined {
    const high = Number.parseInt(pHash.slice(0, 8), 16);
    const low = Number.parseInt(pHash.slice(8), 16);
    const count = this.#shots.length;
    let found: string | undefined;
    for (let at = 0; at < count && found === undefined; at += 1) {
      const apart = bits((this.#high[at] ?? 0) ^ high) + bits((this.#low[at] ?? 0) ^ low);
      if (apart <= NEARLY && this.#shots[at] !== shot) found = this.#shots[at];
    }
    if (count < MOST_PICTURES) {
      this.#high[count] = high;
      this.#low[count] = low;
      this.#shots.push(shot);
    }
    return found;
  }
}

/** How many bits of a 32-bit number are set. */
function bits(number: number): number {
  let rest = number - ((number >>> 1) & 0x55555555);
  rest = (rest & 0x33333333) + ((rest >>> 2) & 0x33333333);
  return (((rest + (rest >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
}

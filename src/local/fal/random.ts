import { createHash } from 'node:crypto';

/** A number in [0, 1), like `Math.random`. */
export type Random = () => number;

/** The same seed gives the same numbers (mulberry32), so that a failed test can be run again as it was. */
export function randomOf(seed: string): Random {
  let state = createHash('sha256').update(seed).digest().readUInt32LE(0);
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A UUID that the seed and the name decide. */
export function uuidOf(seed: string, name: string): string {
  const hex = createHash('sha256').update(`${seed}\0${name}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

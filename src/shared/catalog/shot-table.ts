import type { PlanShot } from '../journal/plan-row.ts';
import { idWords } from './id-words.ts';

/** What a row wants, by its id. */
export type WantedShot = Pick<PlanShot, 'shot' | 'shotKey' | 'variants'>;

/** Two words of the id's hash, two of the shot key, one of variants and marks. */
const WORDS = 5;
const TAKEN = 0x8000_0000;
const MET = 0x4000_0000;
const VARIANTS = 0xff;

/** Slots a row: fuller, and a look for an id that is not there would pass over many others. */
const SLOTS_PER_ROW = 1.3;

/**
 * The shots of a plan by their ids (after Unicode NFC): 26 bytes a row, 26 MB for a million. It knows an id and
 * a shot key by 64 bits each, enough for what is only reported: among a million ids two are taken for one once in 30
 * million lists.
 */
export class ShotTable {
  readonly #slots: Uint32Array;
  #size = 0;
  #met = 0;

  /** `rows`: at most so many are added. */
  constructor(rows: number) {
    this.#slots = new Uint32Array(WORDS * (8 + Math.ceil(rows * SLOTS_PER_ROW)));
  }

  get size(): number {
    return this.#size;
  }

  /** How many of them were met. */
  get met(): number {
    return this.#met;
  }

  add({ shot, shotKey, variants }: WantedShot): void {
    const [id0, id1] = wordsOfId(shot);
    const at = this.#find(id0, id1);
    if ((this.#slots[at + 4] ?? 0) === 0) this.#size += 1;
    const [key0, key1] = wordsOfKey(shotKey);
    this.#slots.set([id0, id1, key0, key1, (TAKEN | variants) >>> 0], at);
  }

  has(id: string): boolean {
    return this.#marks(id) !== 0;
  }

  isMet(id: string): boolean {
    return (this.#marks(id) & MET) !== 0;
  }

  /** Compares a shot with the one of its id, and marks that one as met. */
  meet({ shot, shotKey, variants }: WantedShot): 'new' | 'changed' | 'unchanged' {
    const [id0, id1] = wordsOfId(shot);
    const at = this.#find(id0, id1);
    const marks = this.#slots[at + 4] ?? 0;
    if (marks === 0) return 'new';
    if ((marks & MET) === 0) this.#met += 1;
    this.#slots[at + 4] = (marks | MET) >>> 0;
    const [key0, key1] = wordsOfKey(shotKey);
    const same = this.#slots[at + 2] === key0 && this.#slots[at + 3] === key1;
    return same && variants <= (marks & VARIANTS) ? 'unchanged' : 'changed';
  }

  #marks(id: string): number {
    const [id0, id1] = wordsOfId(id);
    return this.#slots[this.#find(id0, id1) + 4] ?? 0;
  }

  /** Open addressing: the slot of the id, or the free one where it would stand. */
  #find(id0: number, id1: number): number {
    const slots = this.#slots;
    const count = slots.length / WORDS;
    for (let slot = id0 % count; ; slot = slot + 1 === count ? 0 : slot + 1) {
      const at = slot * WORDS;
      if (slots[at + 4] === 0 || (slots[at] === id0 && slots[at + 1] === id1)) return at;
    }
  }
}

function wordsOfId(id: string): readonly [number, number] {
  const word = idWords(id);
  return [word(0), word(1)];
}

function wordsOfKey(shotKey: string): readonly [number, number] {
  return [Number.parseInt(shotKey.slice(0, 8), 16), Number.parseInt(shotKey.slice(8, 16), 16)];
}

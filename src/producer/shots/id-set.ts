import { idWords } from '../../shared/catalog/id-words.ts';

/**
 * Which ids a list has had, and on which line: 16 bytes an id, where a Map of strings would take a hundred. It knows an
 * id by 96 bits of its hash.
 */
export class IdSet {
  #slots = new Uint32Array(4 * 1_024);
  #size = 0;

  /** The line of the same id (after Unicode NFC) seen before; undefined where it is new, and then it is kept. Lines count from 1. */
  add(id: string, line: number): number | undefined {
    if (this.#size * 3 > this.#slots.length / 2) this.#grow();
    const word = idWords(id);
    const words = [word(0), word(1), word(2)] as const;
    const at = findSlot(this.#slots, words);
    const earlier = this.#slots[at + 3] ?? 0;
    if (earlier !== 0) return earlier;
    this.#slots.set([...words, line], at);
    this.#size += 1;
    return undefined;
  }

  #grow(): void {
    const old = this.#slots;
    const slots = new Uint32Array(old.length * 2);
    for (let at = 0; at < old.length; at += 4) {
      if (old[at + 3] === 0) continue;
      const entry = old.subarray(at, at + 4);
      slots.set(entry, findSlot(slots, [entry[0] ?? 0, entry[1] ?? 0, entry[2] ?? 0]));
    }
    this.#slots = slots;
  }
}

/** Open addressing: four words a slot, the fourth (the line, from 1) says that it is taken. */
function findSlot(slots: Uint32Array, [a, b, c]: readonly [number, number, number]): number {
  const mask = slots.length / 4 - 1;
  for (let slot = a & mask; ; slot = (slot + 1) & mask) {
    const at = slot * 4;
    if (slots[at + 3] === 0) return at;
    if (slots[at] === a && slots[at + 1] === b && slots[at + 2] === c) return at;
  }
}

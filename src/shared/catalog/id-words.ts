import { hash } from 'node:crypto';

/**
 * Words of 32 bits of an id's hash, after Unicode NFC; the nth, from 0 to 7. As text, since a Buffer for each of a million
 * ids takes five times as long and memory outside of the heap, which is given back late.
 */
export function idWords(id: string): (nth: number) => number {
  const digest = hash('sha256', id.normalize('NFC'), 'binary');
  return (nth) => {
    const at = nth * 4;
    return (
      (digest.charCodeAt(at) |
        (digest.charCodeAt(at + 1) << 8) |
        (digest.charCodeAt(at + 2) << 16) |
        (digest.charCodeAt(at + 3) << 24)) >>>
      0
    );
  };
}

import { describe, expect, it } from '@jest/globals';
import { ShotTable } from '../../../../src/shared/catalog/shot-table.ts';

const keyOf = (n: number) => n.toString(16).padStart(16, '0').padEnd(32, 'f');

describe('the shots of an earlier plan', () => {
  it('are met by id and compared by shot key and variants', () => {
    const table = new ShotTable(3);
    for (const [at, shot] of ['tee', 'mug', 'cap'].entries())
      table.add({ shot, shotKey: keyOf(at), variants: 2 });
    expect(table.meet({ shot: 'tee', shotKey: keyOf(0), variants: 2 })).toBe('unchanged');
    expect(table.meet({ shot: 'mug', shotKey: keyOf(9), variants: 2 })).toBe('changed');
    expect(table.meet({ shot: 'hat', shotKey: keyOf(0), variants: 2 })).toBe('new');
    expect([table.size, table.met]).toEqual([3, 2]);
    expect(['tee', 'mug', 'cap', 'hat'].map((id) => [table.has(id), table.isMet(id)])).toEqual([
      [true, true],
      [true, true],
      [true, false],
      [false, false],
    ]);
  });

  it.each([
    [1, 'unchanged'],
    [2, 'unchanged'],
    [3, 'changed'],
    [100, 'changed'],
  ])('want no more pictures with %i variants in place of two: %s', (variants, change) => {
    const table = new ShotTable(1);
    table.add({ shot: 'tee', shotKey: keyOf(1), variants: 2 });
    expect(table.meet({ shot: 'tee', shotKey: keyOf(1), variants })).toBe(change);
  });

  it('are found under another Unicode form of their id, as a list refuses it twice', () => {
    const table = new ShotTable(1);
    table.add({ shot: 'caf\u00e9', shotKey: keyOf(1), variants: 1 });
    expect(table.has('cafe\u0301')).toBe(true);
  });

  it('are all found among a hundred thousand, and nobody else is', () => {
    const count = 100_000;
    const table = new ShotTable(count);
    for (let at = 0; at < count; at += 1)
      table.add({ shot: `SKU-${at}`, shotKey: keyOf(at), variants: (at % 100) + 1 });
    const counts = { new: 0, changed: 0, unchanged: 0 };
    for (let at = 0; at < count * 2; at += 1) {
      const shotKey = keyOf(at % 10 === 0 ? at + 1 : at);
      counts[table.meet({ shot: `SKU-${at}`, shotKey, variants: (at % 100) + 1 })] += 1;
    }
    expect(counts).toEqual({ new: count, changed: count / 10, unchanged: count - count / 10 });
    expect([table.size, table.met]).toEqual([count, count]);
  });
});

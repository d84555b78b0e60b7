import { Readable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { checkRows } from '../../../../src/producer/child/check-rows.ts';
import { IdSet } from '../../../../src/producer/shots/id-set.ts';
import { LookAlikes } from '../../../../src/producer/shots/look-alikes.ts';
import { defaultRegistry } from '../../../../src/shared/models/registry.ts';

function warningsOf(ids: readonly string[]): readonly string[] {
  const seen = new IdSet();
  const lookAlikes = new LookAlikes(seen);
  for (const [index, id] of ids.entries()) {
    seen.add(id, index + 2);
    lookAlikes.add(id, index + 2);
  }
  return lookAlikes.warnings();
}

describe('ids that look alike', () => {
  it.each([
    ['a blank of no width', 'MUG-A', 'MUG-\u200bA'],
    ['a control of direction', 'MUG-A', '\u202eMUG-A\u202c'],
    ['a byte order mark', 'MUG-A', 'MUG-A\ufeff'],
    ['a soft hyphen', 'MUG-A', 'M\u00adUG-A'],
    ['a tag', 'MUG-A', 'MUG-A\u{e0041}'],
    ['a Cyrillic letter', 'MUG-A', 'MUG-\u0410'],
    ['a Greek letter', 'MUG-A', 'MUG-\u0391'],
    ['letters of full width', 'MUG-A', '\uff2d\uff35\uff27-A'],
    ['a longer dash', 'MUG-A', 'MUG\u2013A'],
    ['a blank that breaks no line', 'MUG A', 'MUG\u00a0A'],
  ])('are named once, with their lines: %s, in both orders', (_name, plain, other) => {
    const sentence = `1 row has ids that look like another row's, first those on lines 3 and 5: ${JSON.stringify(plain)}. They are different shots, and each is paid for; write one id the same way everywhere.`;
    expect(warningsOf(['x', plain, 'y', other])).toEqual([sentence]);
    // The second one has its like now.
    expect(warningsOf(['x', other, 'y', plain])[0]).toBe(sentence);
  });

  it('are counted, also where none of them is written plainly', () => {
    const [sentence] = warningsOf(['A\u200b', 'A\u200c', 'A\u200d', 'A']);
    expect(sentence).toContain(
      '3 rows have ids that look like another row\'s, first those on lines 2 and 3: "A"',
    );
  });

  it('are named, too, where another list may write them plainly', () => {
    expect(warningsOf(['S-1', '\u041cUG', 'T\u200b', 'U\u200b'])).toEqual([
      '3 rows have ids with invisible letters or letters of another alphabet, first on line 3: "MUG" with U+041C. A list that writes such an id in plain letters pays for its pictures again; correct it.',
    ]);
  });

  it.each([
    [['СТОЛ-1', 'СТУЛ-2', 'Σκεύος-3', 'Tシャツ', 'Größe', 'نمی\u200cخواهم', '👩\u200d🔧', '❤\ufe0f']],
    [['A1', 'a1', 'AI', 'Al', 'O', '0', 'A²', 'A2', 'É', 'E']],
  ])('are not warned about where they are words of a language, or can be told apart', (ids) => {
    expect(warningsOf(ids)).toEqual([]);
  });

  it('are a warning of the check of a list, behind its rows', async () => {
    const registry = defaultRegistry();
    const rows = ['MUG', 'MUG\u200b'].map((id, at) => ({ line: at + 2, columns: { id, prompt: 'a mug' } }));
    const all = [];
    for await (const one of checkRows({
      rows: Readable.from(rows),
      options: { inputs: {} },
      registry,
      defaultModel: registry.get('gpt-image-1-mini'),
      recipes: new Set(['catalog']),
    }))
      all.push(one);
    expect(all.map(({ kind }) => kind)).toEqual(['shot', 'shot', 'warning', 'default-rows']);
    expect(all[2]).toMatchObject({ text: expect.stringContaining('lines 2 and 3: "MUG"') });
  });
});

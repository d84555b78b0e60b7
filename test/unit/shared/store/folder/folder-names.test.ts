import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  decodeName,
  fileNameOf,
  longHashOf,
  type NameKind,
} from '../../../../../src/shared/store/folder/names.ts';

describe('file names of the folder store', () => {
  it.each<[string, NameKind, string]>([
    ['originals', 'dir', 'originals'],
    ['0.png', 'file', '0.png'],
    ['2026-11-24', 'dir', '2026-11-24'],
    ['catalog.v2', 'dir', 'catalog.v2'],
    ['_shotlist', 'dir', '_shotlist'],
    ['0.3-1.json', 'file', '0.3-1.json'],
    ['TEE-001~1m2n3p4q5r6s', 'dir', 'TEE-001~1m2n3p4q5r6s=7'],
    ['TEE.PNG', 'file', 'TEE=77.PNG'],
    ['a', 'file', 'a=file'],
    ['a.png', 'dir', 'a=dir.png'],
    ['A', 'file', 'A=1=file'],
    ['a b+c=d%', 'dir', 'a%20b%2bc%3dd%25'],
    ['é', 'dir', '%c3%a9'],
    ['.hidden', 'dir', '%2ehidden'],
    ['end.', 'dir', 'end%2e'],
    ['end ', 'dir', 'end%20'],
    ['nul', 'dir', '%6eul'],
    ['Com1.txt', 'file', '%43om1.txt'],
    ['console', 'dir', 'console'],
    ['longfi~1.png', 'file', 'longfi%7e1.png'],
  ])('%j as a %s is %s', (segment, kind, name) => {
    expect(fileNameOf(segment, kind)).toBe(name);
    expect(decodeName(name)).toEqual({ kind, segment });
  });

  it('gives a long segment a short name that still ends in its ending', () => {
    const name = fileNameOf(`${'Ü'.repeat(200)}.png`, 'file');
    expect(name.length).toBeLessThanOrEqual(255);
    expect(name).toMatch(/=long=[0-9a-f]{40}\.png$/);
    expect(decodeName(name)).toEqual({
      kind: 'file',
      longHash: longHashOf(`${'Ü'.repeat(200)}.png`, 'file'),
    });
    expect(longHashOf('short.png', 'file')).toBeUndefined();
  });

  it.each(['Thumbs.db.', '.DS_Store', 'é.png', 'a b.txt', 'a=file.png', 'a=0', 'x%zz', 'x%41', '%'])(
    'does not take the foreign file %j for one of its own',
    (name) => {
      expect(decodeName(name)).toBeUndefined();
    },
  );

  const segment = fc
    .oneof(
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }),
      fc.string({
        unit: fc.constantFrom('a', 'A', 'b', '.', '=', '%', '~', '1', 'png', 'é', 'e\u0301'),
        minLength: 1,
      }),
    )
    .filter((text) => text !== '.' && text !== '..' && !/[/\\\p{Cc}\p{Surrogate}]/u.test(text));

  it('leads from every segment to a name and back, also when the disk forgets the case', () => {
    fc.assert(
      fc.property(segment, fc.constantFrom<NameKind>('file', 'dir'), (text, kind) => {
        const name = fileNameOf(text, kind);
        expect(name).toMatch(/^[A-Za-z0-9._~%=-]{1,255}$/);
        const expected = longHashOf(text, kind) ?? { kind, segment: text };
        if (typeof expected === 'string') return;
        expect(decodeName(name)).toEqual(expected);
        expect(decodeName(name.toLowerCase())).toEqual(expected);
      }),
      { numRuns: 1_000 },
    );
  });

  it('never gives two segments, or a file and a folder, names that differ in case alone', () => {
    fc.assert(
      fc.property(fc.uniqueArray(segment, { minLength: 2, maxLength: 8 }), (texts) => {
        const names = texts.flatMap((text) => [fileNameOf(text, 'file'), fileNameOf(text, 'dir')]);
        expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(names.length);
      }),
      { numRuns: 500 },
    );
  });
});

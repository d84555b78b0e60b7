import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { safeName, safeValue } from '../../../../src/shared/pictures/safe-name.ts';
import { fileNameOf } from '../../../../src/shared/store/folder/names.ts';
import { objectKeys } from '../../../../src/shared/store/keys.ts';
import { assertKey } from '../../../../src/shared/store/object-store.ts';

describe('a value in a name', () => {
  it.each([
    ['TEE-001', 'TEE-001'],
    ['Crème brûlée', 'Creme-brulee'],
    // The same in the other Unicode form.
    ['Cre\u0300me', 'Creme'],
    ['Größe 42½', 'Grosse-42½'.replace('½', '1-2')],
    ['Łódź', 'Lodz'],
    ['red/blue', 'red-blue'],
    ['red／blue', 'red-blue'],
    ['C:\\photos\\"a"<b>|c?*', 'C-photos-a-b-c'],
    ['../../etc/passwd', 'etc-passwd'],
    ['.hidden', 'hidden'],
    ['ends in a dot.', 'ends-in-a-dot'],
    ['two\nlines\u0000', 'two-lines'],
    ['\u202egnp.exe', 'gnp.exe'],
    ['', ''],
    ['   ', ''],
  ])('%j reads %j', (value, safe) => {
    expect(safeValue(value)).toBe(safe);
  });

  it('of which nothing readable would be left is told by its hash, in both Unicode forms', () => {
    expect(safeValue('茶碗')).toMatch(/^[0-9a-z]{12}$/);
    expect(safeValue('茶碗')).not.toBe(safeValue('急須'));
    expect(safeValue('が')).toBe(safeValue('か\u3099'));
  });

  it('is cut, and does not end in a dash', () => {
    expect(safeValue(`${'a'.repeat(79)} and more`)).toBe('a'.repeat(79));
  });
});

describe('a whole name', () => {
  it.each([
    ['mugs/red.webp', 'mugs/red.webp'],
    ['Mug 1 - full.webp', 'Mug-1-full.webp'],
    ['CON.webp', '_CON.webp'],
    ['con-.webp', '_con.webp'],
    ['aux/lpt1.webp', '_aux/_lpt1.webp'],
    ['com¹.webp', '_com1.webp'],
    ['.mug.webp', 'mug.webp'],
    ['a/../b.webp', undefined],
    ['/etc/mug.webp', undefined],
    ['mugs//red.webp', undefined],
    ['mugs/-.webp', undefined],
    ['.webp', undefined],
    [`${'x'.repeat(150)}.webp`, undefined],
    [`${'folder/'.repeat(80)}x.webp`, undefined],
  ])('%j becomes %j', (text, name) => {
    const made = safeName(text, '.webp');
    expect(made.ok ? made.name : undefined).toBe(name);
  });

  it('is always a key of the store, a file on every disk, and the same when it is made safe again', () => {
    const hostile = fc.constantFrom(
      '.',
      '..',
      '/',
      '\\',
      'con',
      'NUL',
      'Aux',
      '-',
      '~1',
      ' ',
      '\u0000',
      '\u202e',
      'ß',
      'é',
      ':',
    );
    const text = fc.array(fc.oneof(hostile, fc.string({ unit: 'binary', maxLength: 6 })), { maxLength: 12 });
    let named = 0;
    fc.assert(
      fc.property(text, fc.boolean(), (parts, asValue) => {
        const words = parts.join('');
        const made = safeName(`${asValue ? safeValue(words) : words}.webp`, '.webp');
        if (!made.ok) return;
        named += 1;
        const { name } = made;
        assertKey(objectKeys.named('spring', name));
        expect(name).toMatch(/^[A-Za-z0-9._/-]+$/);
        expect(safeName(name, '.webp')).toEqual(made);
        for (const segment of name.split('/')) {
          // Windows: no device, no dot at the end; nothing hidden, nothing that reads as an option of a command.
          expect(segment).not.toMatch(/^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i);
          expect(segment).not.toMatch(/^[-.]|\.$|\.\./);
          expect(Buffer.byteLength(fileNameOf(segment, 'file'))).toBeLessThanOrEqual(240);
        }
        if (asValue) expect(name).not.toContain('/');
      }),
      { numRuns: 2_000 },
    );
    expect(named).toBeGreaterThan(500);
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { defaultRegistry } from '../../../../src/shared/models/registry.ts';
import { rivalHash } from '../../../../src/shared/requests/input.ts';
import {
  batchIdFault,
  encodeSegment,
  jobIdOf,
  keyMarkOf,
  objectKeys,
  parseRequestKey,
  requestKeyOf,
  rivalHashOf,
  shotKeyOf,
} from '../../../../src/shared/store/keys.ts';
import { assertKey } from '../../../../src/shared/store/object-store.ts';

describe('a segment of a key', () => {
  it('keeps plain lower-case names as they are', () => {
    for (const name of ['tee-001', 'a.b_c', '0', 'x'.repeat(63)]) expect(encodeSegment(name)).toBe(name);
  });

  it('never meets another one, not on a disk that ignores case or normalizes Unicode either', () => {
    const names = [
      'TEE-001',
      'tee-001',
      'Tee-001',
      'a/b',
      'a_b',
      'a b',
      'a\\b',
      '..',
      '.',
      '',
      ' ',
      'con',
      'CON',
      'con.txt',
      'nul',
      'caf\u00e9',
      'cafe\u0301',
      'x'.repeat(63),
      'x'.repeat(64),
      'x'.repeat(1_000),
      'a.',
      'a..',
      '~',
      'a~b',
      'ß',
      'ss',
      'ﬁ',
      'fi',
      'İ',
      'i',
      '\u0000',
      '💡',
      '\ud83d',
    ];
    const folded = names.map((name) => encodeSegment(name).normalize('NFC').toLowerCase());
    expect(new Set(folded).size).toBe(names.length);
  });

  it('is a valid part of a key, whatever it is made of', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        const segment = encodeSegment(text);
        expect(() => assertKey(`a/${segment}/b`)).not.toThrow();
        expect(segment.length).toBeLessThanOrEqual(63);
      }),
    );
  });
});

describe('a shot key', () => {
  const shot = { id: 'a', model: 'm', prompt: 'p', options: { quality: 'low', size: 's' }, take: 0 };

  it('does not depend on the order in which the options were written', () => {
    const turned = { ...shot, options: { size: 's', quality: 'low' } };
    expect(shotKeyOf(turned)).toBe(shotKeyOf(shot));
  });

  it('differs where anything differs that changes the picture', () => {
    const others = [
      { ...shot, id: 'b' },
      { ...shot, model: 'n' },
      { ...shot, prompt: 'q' },
      { ...shot, options: { quality: 'high', size: 's' } },
      { ...shot, options: { quality: 'low' } },
      { ...shot, take: 1 },
      { ...shot, id: 'a","m', model: '' },
    ];
    expect(new Set([shot, ...others].map(shotKeyOf)).size).toBe(others.length + 1);
  });

  it('stays what it is: pictures of earlier releases must be found again', () => {
    expect(shotKeyOf(shot)).toBe(STANDING);
  });
});

describe('the hash of rivals', () => {
  it('differs by endpoint, prompt and images, and by nothing else of what is asked for', () => {
    const hash = rivalHashOf('e', 'p', ['https://h/a.png']);
    for (const other of [
      rivalHashOf('f', 'p', ['https://h/a.png']),
      rivalHashOf('e', 'q', ['https://h/a.png']),
      rivalHashOf('e', 'p', ['https://h/b.png']),
      rivalHashOf('e', 'p', []),
    ]) {
      expect(other).not.toBe(hash);
    }
    const model = defaultRegistry().get('gpt-image-1-mini');
    const row = { prompt: 'a caf\u00e9', input: { quality: 'low', image_url: 'https://h/a.png?signed=1' } };
    const part = { prompt: ' a cafe\u0301\r\n', input: { image_url: 'https://h/a.png' } };
    expect(rivalHash({ row, model })).toBe(rivalHash({ row: part, model }));
  });
});

describe('the mark of a key', () => {
  it('tells keys apart, and holds nothing of them', () => {
    expect(keyMarkOf('id:secret')).toMatch(/^[0-9a-f]{12}$/);
    expect(keyMarkOf('id:secret')).not.toBe(keyMarkOf('id:other'));
  });
});

describe('the name of a request', () => {
  it('is read back, also where the batch id holds dots and numbers', () => {
    for (const batch of ['b', 'cups.2.0', '1.1.1']) {
      const name = { batch, row: 12, part: 3 };
      expect(parseRequestKey(requestKeyOf(name))).toEqual(name);
    }
    for (const text of ['', 'b', 'b.1', '.1.2', 'b.x.1', 'b.1.-1'])
      expect(parseRequestKey(text)).toBeUndefined();
  });

  it('makes a job id that BullMQ takes: no colon, not all digits', () => {
    expect(jobIdOf('1.2.3', 0)).toBe('1.2.3-0');
    expect(jobIdOf('1.2.3', 0)).not.toMatch(/:|^\d+$/);
  });
});

describe('a batch id', () => {
  it.each(['cups', 'Cups-2026.11_a', '0'])('%s can be one', (id) => {
    expect(batchIdFault(id)).toBeUndefined();
  });

  it.each(['', '-a', '.a', 'a/b', 'a:b', 'a b', 'é', 'x'.repeat(64), 'originals', 'Originals'])(
    '%j cannot',
    (id) => {
      const why = id.toLowerCase() === 'originals' ? 'where the pictures are kept' : 'a batch id has 1 to 63';
      expect(batchIdFault(id)).toContain(why);
    },
  );

  it('never leads into the journal or the originals', () => {
    const key = objectKeys.rendition('_shotlist', 'a', 0, 'full', 'webp');
    expect(key.startsWith('_shotlist/')).toBe(false);
  });
});

const STANDING = '546a60390e2925aba3346cec16ed74fa';

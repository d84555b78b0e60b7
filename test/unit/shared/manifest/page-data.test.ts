import { expect, it } from '@jest/globals';
import { altOf, srcsetOf } from '../../../../src/shared/manifest/page-data.ts';

const file = (name: string, width: number, height: number, format = 'webp') => ({
  name,
  key: `b/s/0-${name}.${format}`,
  width,
  height,
  bytes: 1,
  format,
  sha256: '0'.repeat(64),
});
const original = file('original', 1536, 1024, 'png');
const urlOf = (key: string) => `https://shop.example/${key}`;

it('the alternative text is the row’s own where it has one, else the prompt', () => {
  expect(altOf({ alt_text: ' A mug ', prompt: 'x' }, 'x')).toBe('A mug');
  expect(altOf({ alt: '', image_alt: 'Mug' }, 'x')).toBe('Mug');
  expect(altOf({ title: 'Mug' }, 'A red mug')).toBe('A red mug');
});

it('a srcset has a line a format, narrowest first, without what is cut or framed', () => {
  const renditions = [
    file('full', 1536, 1024),
    file('400', 400, 267),
    file('400b', 400, 267),
    file('thumb', 256, 256),
    file('new', 800, 533, 'avif'),
  ];
  expect(srcsetOf(original, renditions, urlOf)).toEqual({
    webp: 'https://shop.example/b/s/0-400.webp 400w, https://shop.example/b/s/0-full.webp 1536w',
    avif: 'https://shop.example/b/s/0-new.avif 800w',
  });
});

it('an address with a blank or a comma at its end does not break the line', () => {
  expect(srcsetOf(original, [file('full', 1536, 1024)], () => 'https://x/a b,')).toEqual({
    webp: 'https://x/a%20b%2C 1536w',
  });
});

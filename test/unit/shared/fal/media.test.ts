import { describe, expect, it } from '@jest/globals';
import {
  decodeDataUri,
  deliveredImage,
  PictureError,
  sniff,
} from '../../../../src/shared/pictures/formats.ts';
import { animatedWebp, opaquePicture } from '../../../support/pictures.ts';

const LIMITS = { maxBytes: 1_000 };

function codeOf(uri: string): string {
  try {
    decodeDataUri(uri, LIMITS);
  } catch (error) {
    if (error instanceof PictureError) return error.code;
    throw error;
  }
  return 'decoded';
}

describe('sniff', () => {
  it.each(['png', 'jpeg', 'webp'] as const)('knows a %s by its bytes', async (format) => {
    const sniffed = await sniff(await opaquePicture({ width: 4, height: 4 }, format));
    expect(sniffed).toEqual({
      format,
      contentType: `image/${format}`,
      extension: format === 'jpeg' ? 'jpg' : format,
    });
  });

  it('an animated webp is a webp', async () => {
    expect((await sniff(await animatedWebp({ width: 4, height: 4 })))?.format).toBe('webp');
  });

  it.each([
    ['a web page', '<!doctype html><html><body>Not found</body></html>'],
    ['an svg', '<svg xmlns="http://www.w3.org/2000/svg"/>'],
    ['a gif', 'GIF89a\u0001\u0000\u0001\u0000'],
    ['nothing', ''],
    ['the start of a png', '\u0089PN'],
  ])('%s is no picture that is taken', async (_, text) => {
    expect(await sniff(Buffer.from(text, 'latin1'))).toBeUndefined();
  });
});

describe('decodeDataUri', () => {
  it('gives the bytes, and the type only as a claim', () => {
    expect(decodeDataUri(`data:image/PNG;base64,${Buffer.from('abcd').toString('base64')}`, LIMITS)).toEqual({
      claimedType: 'image/png',
      bytes: Buffer.from('abcd'),
    });
  });

  it('takes exactly the limit and refuses one byte more', () => {
    const uri = (size: number) => `data:image/png;base64,${Buffer.alloc(size).toString('base64')}`;
    expect(codeOf(uri(1_000))).toBe('decoded');
    expect(codeOf(uri(1_001))).toBe('too_many_bytes');
    expect(codeOf(uri(100_000))).toBe('too_many_bytes');
  });

  it.each([
    ['an address', 'https://fal.media/a.png'],
    ['text without base64', 'data:image/png,abcd'],
    ['broken base64', 'data:image/png;base64,ab*d'],
    ['nothing', ''],
  ])('%s is unreadable', (_, uri) => {
    expect(codeOf(uri)).toBe('unreadable_picture');
  });

  it('an error never repeats the picture', () => {
    expect(() => decodeDataUri(`data:image/png;base64,${'*'.repeat(900)}`, LIMITS)).toThrow(/^.{1,120}$/);
  });
});

it('a delivered image survives being written and read', () => {
  const stored = { key: 'a/b.png', width: 1, height: 1, bytes: 1, format: 'png', sha256: 'a'.repeat(64) };
  const image = {
    index: 0,
    requestId: undefined,
    original: stored,
    renditions: [{ ...stored, name: 'full' }],
  };
  expect(deliveredImage.parse(JSON.parse(JSON.stringify(image)))).toEqual(image);
});

import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { corrupted } from '../../../../src/local/fal/odd-pictures.ts';
import { structureOf } from '../../../../src/shared/pictures/structure.ts';
import {
  animatedWebp,
  cmykJpeg,
  greyPng,
  noise,
  opaquePicture,
  palettePng,
  png16,
  transparentPng,
} from '../../../support/pictures.ts';

const SIZE = { width: 37, height: 23 };

const WHOLE: Readonly<Record<string, () => Promise<Buffer>>> = {
  png: () => opaquePicture(SIZE, 'png'),
  jpeg: () => opaquePicture(SIZE, 'jpeg'),
  webp: () => opaquePicture(SIZE, 'webp'),
  'png of noise': () => noise(SIZE, 'png'),
  'jpeg of noise': () => noise(SIZE, 'jpeg'),
  'webp of noise': () => noise(SIZE, 'webp'),
  'transparent png': () => transparentPng(SIZE),
  'grey png': () => greyPng(SIZE),
  'png with a palette': () => palettePng(SIZE),
  'png of 16 bits': () => png16(SIZE),
  'cmyk jpeg': () => cmykJpeg(SIZE),
  'animated webp': () => animatedWebp(SIZE),
  'progressive jpeg': async () =>
    sharp(await noise(SIZE, 'png'))
      .jpeg({ progressive: true })
      .toBuffer(),
  'jpeg with metadata': async () =>
    sharp(await noise(SIZE, 'png'))
      .withExif({ IFD0: { Copyright: 'x' } })
      .withIccProfile('srgb')
      .jpeg()
      .toBuffer(),
  'lossless webp': async () =>
    sharp(await noise(SIZE, 'png'))
      .webp({ lossless: true })
      .toBuffer(),
  'transparent webp': async () =>
    sharp(await transparentPng(SIZE))
      .webp()
      .toBuffer(),
};

describe('the structure of a picture', () => {
  it.each(Object.entries(WHOLE))('a %s is whole, and its size is read', async (name, make) => {
    const format = ['png', 'jpeg', 'webp'].find((one) => name.includes(one));
    expect(structureOf(await make())).toEqual({ kind: 'whole', format, ...SIZE });
  });

  it.each(Object.entries(WHOLE))('a %s that is cut anywhere is broken', async (_, make) => {
    const bytes = await make();
    const whole = Array.from({ length: bytes.length }, (_, length) => length).filter(
      (length) => structureOf(bytes.subarray(0, length)).kind === 'whole',
    );
    expect(whole).toEqual([]);
  });

  it('a png with one changed byte is broken, wherever it is', async () => {
    const bytes = await opaquePicture(SIZE, 'png');
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 0x10;
      expect({ at, kind: structureOf(changed).kind }).toEqual({ at, kind: 'broken' });
    }
  });

  it('a png whose middle is noise is broken', async () => {
    expect(structureOf(corrupted(await noise(SIZE, 'png'))).kind).toBe('broken');
  });

  it('bytes behind the end change nothing', async () => {
    for (const format of ['png', 'jpeg', 'webp'] as const) {
      const bytes = Buffer.concat([await noise(SIZE, format), Buffer.from('\n<!-- cached -->')]);
      expect(structureOf(bytes).kind).toBe('whole');
    }
  });

  it.each([
    ['nothing', '', 'is empty'],
    ['a web page', '<!doctype html><title>Just a moment</title>', 'is no jpeg, png or webp'],
    ['a gif', 'GIF89a\u0001\u0000\u0001\u0000', 'is no jpeg, png or webp'],
    ['the word null', 'null', 'is no jpeg, png or webp'],
    ['the start of a png', '\u0089PNG\r\n\u001a\n', 'ends before its last chunk'],
    ['the start of a jpeg', '\u00ff\u00d8\u00ff', 'ends before its end marker'],
    ['a jpeg of nothing', '\u00ff\u00d8\u00ff\u00d9', 'has no pixels'],
    ['a webp of nothing', 'RIFF\u0004\u0000\u0000\u0000WEBP', 'has no pixels'],
  ])('%s is broken', (_, text, why) => {
    expect(structureOf(Buffer.from(text, 'latin1'))).toEqual({ kind: 'broken', why });
  });

  it('answers any bytes without an exception', () => {
    let state = 7;
    const random = () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return state >>> 16;
    };
    const starts = ['\u0089PNG\r\n\u001a\n', '\u00ff\u00d8\u00ff', 'RIFF\u00ff\u0000\u0000\u0000WEBP', ''];
    for (let nth = 0; nth < 20_000; nth += 1) {
      const tail = Buffer.from(Array.from({ length: random() % 64 }, () => random() & 0xff));
      const bytes = Buffer.concat([Buffer.from(starts[nth % 4] ?? '', 'latin1'), tail]);
      expect(['whole', 'broken']).toContain(structureOf(bytes).kind);
    }
  });
});

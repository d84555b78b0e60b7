import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { PictureError } from '../../../../src/shared/pictures/formats.ts';
import { thumbnailOf } from '../../../../src/worker/render/thumbnail.ts';
import { foreignPicture } from '../../../support/foreign-pictures.ts';
import {
  cmykJpeg,
  hugeFlatPng,
  noise,
  opaquePicture,
  pixelAt,
  png16,
  transparentPng,
  turnedJpeg,
} from '../../../support/pictures.ts';

const SIZE = { width: 600, height: 400 };

describe('a small picture for a page', () => {
  it.each(['png', 'jpeg', 'webp'] as const)('of a %s is the whole of it as a jpeg', async (format) => {
    const small = await thumbnailOf(await opaquePicture(SIZE, format), 300);
    expect(small).toMatchObject({ contentType: 'image/jpeg', width: 300, height: 200 });
    expect(await sharp(small.bytes).metadata()).toMatchObject({ format: 'jpeg', width: 300, height: 200 });
    const [red, , blue] = await pixelAt(small.bytes, 150, 100);
    expect(red - blue).toBeGreaterThan(150);
    const [, , corner] = await pixelAt(small.bytes, 5, 5);
    expect(corner).toBeGreaterThan(150);
  });

  it('keeps what is transparent so, and leaves an alpha channel out in which all is opaque', async () => {
    const small = await thumbnailOf(await transparentPng(SIZE), 300);
    expect(small.contentType).toBe('image/webp');
    expect((await pixelAt(small.bytes, 2, 2))[3]).toBe(0);
    const opaque = await sharp(await opaquePicture(SIZE, 'png'))
      .ensureAlpha()
      .png()
      .toBuffer();
    expect(await thumbnailOf(opaque, 300)).toMatchObject({ contentType: 'image/jpeg' });
  });

  it('is never larger than the picture, and is turned as it is to be shown', async () => {
    expect(await thumbnailOf(await opaquePicture(SIZE, 'png'), 2_000)).toMatchObject(SIZE);
    expect(await thumbnailOf(await turnedJpeg(SIZE), 300)).toMatchObject({ width: 200, height: 300 });
  });

  it('takes CMYK and 16 bits for what they show', async () => {
    for (const picture of [await cmykJpeg(SIZE), await png16(SIZE)]) {
      const { bytes } = await thumbnailOf(picture, 300);
      expect(await sharp(bytes).metadata()).toMatchObject({ format: 'jpeg', space: 'srgb', channels: 3 });
    }
  });

  it.each(['svg', 'tiff', 'gif', 'avif'] as const)('refuses %s, which libvips could read', async (kind) => {
    await expect(thumbnailOf(await foreignPicture(kind), 300)).rejects.toMatchObject({
      code: 'wrong_format',
    });
  });

  it('refuses what cannot be decoded to its end, what is no picture, and what would fill the memory', async () => {
    const whole = await noise(SIZE, 'png');
    const bad = [
      whole.subarray(0, whole.length / 2),
      Buffer.from('no picture'),
      Buffer.alloc(0),
      await hugeFlatPng({ width: 9_000, height: 9_000 }),
    ];
    for (const bytes of bad) await expect(thumbnailOf(bytes, 300)).rejects.toThrow(PictureError);
  });
});

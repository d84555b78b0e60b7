import sharp, { type Sharp } from 'sharp';
import { messageOf } from '../../shared/base/errors.ts';
import { PICTURE_LIMITS, PictureError } from '../../shared/pictures/formats.ts';

/** A picture decoded once and whole, 8-bit sRGB. */
export interface Pixels {
  readonly data: Buffer;
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 2 | 3 | 4;
}

/** Throws a `PictureError` for a picture that cannot be decoded to its end. */
export async function decode(original: Buffer): Promise<Pixels> {
  try {
    const { data, info } = await sharp(original, {
      // Truncated files and invalid pixels fail. Mere warnings (odd metadata in a picture that every viewer shows)
      // do not: the picture is paid for.
      failOn: 'error',
      limitInputPixels: PICTURE_LIMITS.maxPixels,
      // Only the first frame of an animation.
      pages: 1,
    })
      .autoOrient()
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return { data, width: info.width, height: info.height, channels: info.channels };
  } catch (cause) {
    if (messageOf(cause).includes('exceeds pixel limit')) {
      throw new PictureError(
        'too_many_pixels',
        `The picture has more than ${PICTURE_LIMITS.maxPixels / 1_000_000} megapixels.`,
        { cause },
      );
    }
    throw new PictureError(
      'unreadable_picture',
      `The picture cannot be decoded to its end: ${oneLine(messageOf(cause))}.`,
      { cause },
    );
  }
}

/** A pipeline that begins with the pixels. */
export function fromPixels({ data, width, height, channels }: Pixels): Sharp {
  return sharp(data, { raw: { width, height, channels }, limitInputPixels: PICTURE_LIMITS.maxPixels });
}

/** At most `side` wide and high, with alpha. */
export async function smallOf(pixels: Pixels, side: number): Promise<Pixels> {
  const { data, info } = await fromPixels(pixels)
    .toColourspace('srgb')
    // The mean of each block: several times as fast as the kernel for pictures that people look at.
    .resize({ width: side, height: side, fit: 'inside', withoutEnlargement: true, kernel: 'linear' })
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height, channels: 4 };
}

function oneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, '; ');
}

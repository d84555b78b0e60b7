import sharp from 'sharp';
import { messageOf } from '../../shared/base/errors.ts';
import { PICTURE_LIMITS, PictureError, sniff } from '../../shared/pictures/formats.ts';

export interface Thumbnail {
  readonly contentType: 'image/jpeg' | 'image/webp';
  readonly width: number;
  readonly height: number;
  readonly bytes: Buffer;
}

const JPEG_QUALITY = 78;
const WEBP_QUALITY = 76;

/**
 * The whole picture, small enough to stand in a page: at most `side` pixels wide and high, never enlarged. A jpeg, or a
 * WebP where something of it is transparent. Throws a `PictureError` for one that cannot be decoded.
 */
export async function thumbnailOf(picture: Buffer, side: number): Promise<Thumbnail> {
  // Several are made at once, each of them small: threads within one would only wait for each other.
  sharp.concurrency(1);
  sharp.cache(false);
  // libvips reads far more formats, and SVG among them.
  if ((await sniff(picture)) === undefined) {
    throw new PictureError('wrong_format', 'The bytes are not a picture: jpeg, png and webp are taken.');
  }
  try {
    const { data, info } = await sharp(picture, {
      failOn: 'error',
      limitInputPixels: PICTURE_LIMITS.maxPixels,
      pages: 1,
    })
      .autoOrient()
      .resize({ width: side, height: side, fit: 'inside', withoutEnlargement: true })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    const { width, height, channels } = info;
    const seeThrough = isSeeThrough(data, channels);
    const small = sharp(data, { raw: { width, height, channels } });
    const bytes = seeThrough
      ? await small.webp({ quality: WEBP_QUALITY, effort: 2 }).toBuffer()
      : await small.removeAlpha().jpeg({ quality: JPEG_QUALITY }).toBuffer();
    return { contentType: seeThrough ? 'image/webp' : 'image/jpeg', width, height, bytes };
  } catch (cause) {
    throw new PictureError('unreadable_picture', `The picture cannot be decoded: ${messageOf(cause)}.`, {
      cause,
    });
  }
}

/** Many files have an alpha channel in which everything is opaque. */
function isSeeThrough(pixels: Buffer, channels: number): boolean {
  if (channels !== 2 && channels !== 4) return false;
  for (let at = channels - 1; at < pixels.length; at += channels) if ((pixels[at] ?? 255) < 255) return true;
  return false;
}

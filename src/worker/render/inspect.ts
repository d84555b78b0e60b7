import sharp from 'sharp';
import { messageOf } from '../../shared/base/errors.ts';
import {
  PictureError,
  type PictureLimits,
  type SniffedFormat,
  sniff,
  tooManyBytes,
} from '../../shared/pictures/formats.ts';

export interface Inspected extends SniffedFormat {
  /** As displayed: after the EXIF orientation. In pixels. */
  readonly width: number;
  readonly height: number;
  readonly hasAlpha: boolean;
  /** 1 unless it is animated; only the first frame is ever rendered. */
  readonly frames: number;
}

/**
 * What a picture is, from its first bytes and header; no pixel is decoded, so that a picture that would fill the
 * memory is refused before it can. A truncated picture passes: only `renderAll` reads it to its end. Throws a
 * `PictureError`.
 */
export async function inspect(bytes: Uint8Array, limits: PictureLimits): Promise<Inspected> {
  if (bytes.length === 0)
    throw new PictureError('unreadable_picture', 'The picture is empty: it has no bytes.');
  if (bytes.length > limits.maxBytes) throw tooManyBytes(bytes.length, limits.maxBytes);
  const sniffed = await sniff(bytes);
  if (sniffed === undefined) {
    throw new PictureError('wrong_format', 'The bytes are not a picture: jpeg, png and webp are taken.');
  }
  const { width, height, hasAlpha, frames } = await readHeader(bytes, sniffed);
  if (width * height > limits.maxPixels || Math.max(width, height) > limits.maxSide) {
    throw new PictureError(
      'too_many_pixels',
      `The picture is ${width}×${height}; at most ${limits.maxPixels / 1_000_000} megapixels and ${limits.maxSide} a side are taken.`,
    );
  }
  return { ...sniffed, width, height, hasAlpha, frames };
}

async function readHeader(bytes: Uint8Array, { format }: SniffedFormat) {
  try {
    // Reading a header allocates no pixels, so no limit here: the caller's own check can then name the size.
    const header = await sharp(bytes, { limitInputPixels: false }).metadata();
    const { width, height } = header.autoOrient;
    return { width, height, hasAlpha: header.hasAlpha, frames: header.pages ?? 1 };
  } catch (cause) {
    throw new PictureError('unreadable_picture', `The ${format} cannot be read: ${messageOf(cause)}.`, {
      cause,
    });
  }
}

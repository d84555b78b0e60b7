import sharp, { type OverlayOptions } from 'sharp';
import { messageOf } from '../../shared/base/errors.ts';
import { PICTURE_LIMITS, PictureError, sniff } from '../../shared/pictures/formats.ts';
import type { Watermark } from '../../shared/pictures/rendition.ts';
import type { Box } from './layout.ts';

/**
 * A watermark as it goes on one rendition: brought to its width, faded, and placed. Throws a `PictureError`
 * (`bad_recipe`) if the recipe's file cannot be drawn: the same recipe fails again, so the request ends.
 */
export async function watermarkOn(file: Box, mark: Watermark, bytes: Buffer): Promise<OverlayOptions> {
  const width = Math.max(1, Math.min(file.width, Math.round(file.width * mark.width)));
  const margin = Math.round(Math.min(file.width, file.height) * mark.margin);
  if ((await sniff(bytes)) === undefined) {
    throw new PictureError(
      'bad_recipe',
      `The watermark ${mark.image} is no jpeg, png or webp; put another picture beside the recipe.`,
    );
  }
  try {
    const { data, info } = await sharp(bytes, { limitInputPixels: PICTURE_LIMITS.maxPixels, pages: 1 })
      .resize({ width, height: file.height, fit: 'inside' })
      .toColourspace('srgb')
      .ensureAlpha()
      .composite([fading(mark.opacity)])
      .png({ compressionLevel: 0 })
      .toBuffer({ resolveWithObject: true });
    return { input: data, ...placed(file, info, margin, mark.place) };
  } catch (cause) {
    throw new PictureError(
      'bad_recipe',
      `The watermark ${mark.image} cannot be drawn: ${messageOf(cause)}; put another picture beside the recipe.`,
      { cause },
    );
  }
}

/** One pixel laid over all, of which only the alpha counts. */
function fading(opacity: number): OverlayOptions {
  return {
    input: Buffer.from([255, 255, 255, Math.round(opacity * 255)]),
    raw: { width: 1, height: 1, channels: 4 },
    tile: true,
    blend: 'dest-in',
  };
}

function placed(file: Box, mark: Box, margin: number, place: Watermark['place']) {
  const at = (free: number, near: boolean, far: boolean) => {
    const edge = Math.min(margin, Math.max(0, free));
    return near ? edge : far ? Math.max(0, free - edge) : Math.round(free / 2);
  };
  return {
    left: at(file.width - mark.width, place.endsWith('left'), place.endsWith('right')),
    top: at(file.height - mark.height, place.startsWith('top'), place.startsWith('bottom')),
  };
}

import { rgbaToThumbHash, thumbHashToRGBA } from 'thumbhash';
import type { Look } from '../../shared/media.ts';
import { dominantOf } from './dominant.ts';
import { fromPixels, type Pixels, smallOf } from './pixels.ts';

/** ThumbHash takes at most 100 pixels a side. */
const SIDE = 100;

/**
 * What a page shows until the picture has come, and what tells it from others. Of a small copy: to go through all pixels
 * once more would cost a third of the rendering (npm run bench:render).
 */
export async function lookOf(copy: Pixels): Promise<Look> {
  const small = await smallOf(copy, SIDE);
  const dominantColor = dominantOf(small);
  return {
    thumbHash: Buffer.from(rgbaToThumbHash(small.width, small.height, small.data)).toString('base64'),
    ...(dominantColor === undefined ? {} : { dominantColor }),
    pHash: await differenceHash(small),
  };
}

/**
 * 64 bits in hex: whether each of 8 × 8 cells is brighter than its right neighbour (dHash). Pictures that look the same
 * differ in few bits.
 */
async function differenceHash(pixels: Pixels): Promise<string> {
  const grey = await fromPixels(pixels)
    .flatten({ background: '#ffffff' })
    .greyscale()
    .resize({ width: 9, height: 8, fit: 'fill' })
    .raw()
    .toBuffer();
  let bits = 0n;
  for (let row = 0; row < 8; row += 1) {
    for (let column = 0; column < 8; column += 1) {
      const at = row * 9 + column;
      bits = (bits << 1n) | ((grey[at] ?? 0) > (grey[at + 1] ?? 0) ? 1n : 0n);
    }
  }
  return bits.toString(16).padStart(16, '0');
}

/** The mean colours of the picture's four quarters, on white: red, green and blue of each, 0 to 255. */
export function quartersOf({ thumbHash }: Pick<Look, 'thumbHash'>): readonly number[] {
  const { w, h, rgba } = thumbHashToRGBA(Buffer.from(thumbHash, 'base64'));
  const sums = Array.from({ length: 12 }, () => 0);
  const counts = [0, 0, 0, 0];
  for (let at = 0; at < w * h; at += 1) {
    const quarter = (Math.floor(at / w) * 2 < h ? 0 : 2) + ((at % w) * 2 < w ? 0 : 1);
    const alpha = (rgba[at * 4 + 3] ?? 0) / 255;
    counts[quarter] = (counts[quarter] ?? 0) + 1;
    for (let channel = 0; channel < 3; channel += 1) {
      const seen = 255 * (1 - alpha) + (rgba[at * 4 + channel] ?? 0) * alpha;
      sums[quarter * 3 + channel] = (sums[quarter * 3 + channel] ?? 0) + seen;
    }
  }
  return sums.map((sum, at) => Math.round(sum / Math.max(1, counts[Math.floor(at / 3)] ?? 1)));
}

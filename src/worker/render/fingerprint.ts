import { rgbaToThumbHash, thumbHashToRGBA } from 'thumbhash';
import type { Look } from '../../shared/pictures/formats.ts';
import { dominantOf } from './dominant.ts';
import { type Pixels, smallOf } from './pixels.ts';

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
    pHash: differenceHash(small),
  };
}

const COLUMNS = 9;
const ROWS = 8;

/**
 * 64 bits in hex: whether each of 8 × 8 cells is brighter than its right neighbour (dHash). Pictures that look the same
 * differ in few bits. In plain code: to set up sharp for 72 means took longer than all else here.
 */
function differenceHash(pixels: Pixels): string {
  let bits = 0n;
  for (let row = 0; row < ROWS; row += 1) {
    const line = Array.from({ length: COLUMNS }, (_, column) => brightnessOf(pixels, column, row));
    for (const [column, one] of line.slice(0, -1).entries()) {
      bits = (bits << 1n) | (one > (line[column + 1] ?? 0) ? 1n : 0n);
    }
  }
  return bits.toString(16).padStart(16, '0');
}

/** The mean brightness (Rec. 709) of a cell, on white, 0 to 255. */
function brightnessOf({ data, width, height }: Pixels, column: number, row: number): number {
  const [left, right] = span(column, COLUMNS, width);
  const [top, bottom] = span(row, ROWS, height);
  let sum = 0;
  for (let y = top; y < bottom; y += 1) {
    for (let x = left; x < right; x += 1) {
      const at = (y * width + x) * 4;
      const seen = (data[at + 3] ?? 0) / 255;
      const light = 0.2126 * (data[at] ?? 0) + 0.7152 * (data[at + 1] ?? 0) + 0.0722 * (data[at + 2] ?? 0);
      sum += light * seen + 255 * (1 - seen);
    }
  }
  // Whole steps: a difference that nobody sees is none.
  return Math.round(sum / ((right - left) * (bottom - top)));
}

/** Where a cell begins and ends; of a picture with fewer pixels than cells, one pixel. */
function span(cell: number, cells: number, length: number): readonly [from: number, to: number] {
  const from = Math.min(length - 1, Math.floor((cell * length) / cells));
  return [from, Math.max(from + 1, Math.floor(((cell + 1) * length) / cells))];
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

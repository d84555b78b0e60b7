import type { Pixels } from './pixels.ts';

/** Half of full: what is less is nobody's colour. */
const SEEN_ALPHA = 128;
const BINS = 16;
const BIN_WIDTH = 256 / BINS;
/** Which sixteenth of a channel a value counts to, as libvips has it: it divides by 257, not by 256. */
const BIN_OF = Uint8Array.from({ length: 256 }, (_, value) => Math.floor((value * BINS) / 257));

/**
 * `#rrggbb` in the middle of the fullest of 16 × 16 × 16 bins over what is not transparent; undefined where nothing is
 * seen. The answer of sharp's `stats().dominant` to the bit, whose other figures took as long as a rendition of 400
 * pixels. `pixels`: with alpha.
 */
export function dominantOf({ data, width, height }: Pixels): string | undefined {
  const counts = new Uint32Array(BINS ** 3);
  let seen = 0;
  for (let at = 0; at < width * height * 4; at += 4) {
    if ((data[at + 3] ?? 0) < SEEN_ALPHA) continue;
    seen += 1;
    const bin = (binAt(data, at + 1) * BINS + binAt(data, at)) * BINS + binAt(data, at + 2);
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  if (seen === 0) return undefined;
  let fullest = 0;
  // Green changes slowest: of bins that are equally full libvips, too, takes the first in this order.
  for (let bin = 1; bin < counts.length; bin += 1) {
    if ((counts[bin] ?? 0) > (counts[fullest] ?? 0)) fullest = bin;
  }
  const [red, green, blue] = [
    Math.floor(fullest / BINS) % BINS,
    Math.floor(fullest / BINS ** 2),
    fullest % BINS,
  ];
  return `#${[red, green, blue].map(middleOf).join('')}`;
}

function binAt(data: Buffer, at: number): number {
  return BIN_OF[data[at] ?? 0] ?? 0;
}

function middleOf(bin: number): string {
  return (bin * BIN_WIDTH + BIN_WIDTH / 2).toString(16).padStart(2, '0');
}

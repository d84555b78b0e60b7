import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { dominantOf } from '../../../../src/worker/render/dominant.ts';

/** A generator of its own (LCG), so that a failure can be seen again. */
function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  };
}

function rgba(colours: readonly (readonly [number, number, number])[], alpha = 255) {
  const data = Buffer.from(colours.flatMap((colour) => [...colour, alpha]));
  return { data, width: colours.length, height: 1, channels: 4 as const };
}

async function bySharp(pixels: ReturnType<typeof rgba>): Promise<string> {
  const { width, height, channels } = pixels;
  const { dominant } = await sharp(pixels.data, { raw: { width, height, channels } }).removeAlpha().stats();
  return `#${[dominant.r, dominant.g, dominant.b].map((one) => one.toString(16).padStart(2, '0')).join('')}`;
}

describe('the dominant colour', () => {
  it.each([1, 2, 3, 7, 40, 900])(
    'is what sharp says of %i pixels, bins that are equally full included',
    async (count) => {
      const next = noise(count);
      for (let turn = 0; turn < 40; turn += 1) {
        // Fewer and fewer colours, so that some turns have a clear winner and some have none.
        const mask = 0xff << (turn % 6);
        const colour = () => [next() & mask, next() & mask, next() & mask] as const;
        const pixels = rgba(Array.from({ length: count }, colour));
        expect(dominantOf(pixels)).toBe(await bySharp(pixels));
      }
    },
  );

  it('is what sharp says on both sides of where a bin may begin', async () => {
    for (const value of Array.from({ length: 15 }, (_, bin) => bin * 16 + 15).flatMap((at) => [at, at + 1])) {
      const pixels = rgba([[value, 255 - value, (value * 7) % 256]]);
      expect(dominantOf(pixels)).toBe(await bySharp(pixels));
    }
  });

  it('leaves out what is more transparent than not, and is undefined where nothing is seen', () => {
    const clear = rgba(
      [
        [200, 0, 0],
        [200, 0, 0],
      ],
      127,
    );
    const seen = rgba([[0, 0, 200]], 128);
    const both = { data: Buffer.concat([clear.data, seen.data]), width: 3, height: 1, channels: 4 as const };
    expect(dominantOf(both)).toBe(dominantOf(seen));
    expect(dominantOf(clear)).toBeUndefined();
  });
});

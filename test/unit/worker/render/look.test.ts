import { describe, expect, it } from '@jest/globals';
import { lookOf } from '../../../../src/worker/render/fingerprint.ts';

/** A picture whose pixels are grey: `shade` of each place, 0 to 255, and how solid it is. */
function picture(width: number, height: number, shade: (x: number, y: number) => number, alpha = 255) {
  const data = Buffer.alloc(width * height * 4, alpha);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) data.fill(shade(x, y), (y * width + x) * 4, (y * width + x) * 4 + 3);
  }
  return { data, width, height, channels: 4 as const };
}

async function hashOf(...made: Parameters<typeof picture>): Promise<string> {
  return (await lookOf(picture(...made))).pHash;
}

describe('the perceptual hash of a picture', () => {
  it('has a bit for each place that is brighter than its right neighbour', async () => {
    expect(await hashOf(90, 80, (x) => 250 - x)).toBe('ffffffffffffffff');
    expect(await hashOf(90, 80, (x) => x)).toBe('0000000000000000');
    // One dark column, the fifth of nine: what is left of it is brighter, once in each row.
    expect(await hashOf(90, 80, (x) => (x >= 40 && x < 50 ? 0 : 200))).toBe('1010101010101010');
    // The upper rows fall, the lower ones rise.
    expect(await hashOf(90, 80, (x, y) => (y < 40 ? 250 - x : x))).toBe('ffffffff00000000');
  });

  it('takes what is transparent for white', async () => {
    expect(await hashOf(90, 80, (x) => 250 - x, 0)).toBe(await hashOf(90, 80, () => 255));
  });

  it('is there for a picture with fewer pixels than bits', async () => {
    expect(await hashOf(1, 1, () => 7)).toBe('0000000000000000');
    expect(await hashOf(2, 1, (x) => (x === 0 ? 200 : 10))).toMatch(/^([0-9a-f]{2})\1{7}$/);
  });
});

import { describe, expect, it } from '@jest/globals';
import { listPrice, priceOf } from '../../../../src/shared/models/price.ts';
import { defaultRegistry } from '../../../../src/shared/models/registry.ts';

const model = defaultRegistry().get('gpt-image-1-mini');
const cents = (microUsd: number) => microUsd / 10_000;

// FAL.md, "in cents a request", for a short prompt.
const TABLE = [
  ['low', '1024x1024', [1, 2, 2, 3]],
  ['low', '1536x1024', [1, 2, 2, 3]],
  ['medium', '1024x1024', [2, 3, 4, 5]],
  ['medium', '1024x1536', [2, 4, 5, 7]],
  ['high', '1024x1024', [4, 8, 11, 15]],
  ['high', '1536x1024', [6, 11, 16, 21]],
] as const;

describe('the price of a request', () => {
  it.each(TABLE)('at %s quality and %s is the price table to the cent', (quality, image_size, expected) => {
    const prices = [1, 2, 3, 4].map((n) => priceOf(model, { quality, image_size }, 'a white mug', n));
    expect(prices.map(({ maxMicroUsd }) => cents(maxMicroUsd))).toEqual(expected);
    expect(prices.map(({ minMicroUsd }) => cents(minMicroUsd))).toEqual(expected);
  });

  it('counts four tokens a word, once a request, before the total is rounded up', () => {
    const values = { quality: 'low', image_size: '1024x1024' };
    const words = (count: number) => Array.from({ length: count }, () => 'word').join(' \n');
    // 5,000 for the picture and 8 a word: 625 words fill the cent exactly.
    expect(priceOf(model, values, words(625), 1).maxMicroUsd).toBe(10_000);
    expect(priceOf(model, values, words(626), 1).maxMicroUsd).toBe(20_000);
    expect(priceOf(model, values, words(6_000), 4).maxMicroUsd).toBe(70_000);
  });

  it('is a range from the cheapest to the dearest tier where an option is left to the model', () => {
    const range = (quality: string, image_size: string, n: number) => {
      const { minMicroUsd, maxMicroUsd } = priceOf(model, { quality, image_size }, 'a mug', n);
      return [cents(minMicroUsd), cents(maxMicroUsd)];
    };
    expect(range('auto', '1024x1024', 1)).toEqual([1, 4]);
    expect(range('auto', '1536x1024', 4)).toEqual([3, 21]);
    expect(range('medium', 'auto', 4)).toEqual([5, 7]);
    expect(range('auto', 'auto', 1)).toEqual([1, 6]);
  });

  it('is refused for values that the model does not have', () => {
    expect(() => priceOf(model, { quality: 'ultra', image_size: '1024x1024' }, 'a mug', 1)).toThrow(
      RangeError,
    );
  });

  it('has a list price of one picture without prompt and rounding', () => {
    expect(listPrice(model, { quality: 'high', image_size: '1024x1536' })).toEqual({
      minMicroUsd: 52_000,
      maxMicroUsd: 52_000,
    });
  });
});

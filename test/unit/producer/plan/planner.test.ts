import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { splitVariants } from '../../../../src/producer/plan/split.ts';
import { priceOf } from '../../../../src/shared/models/price.ts';
import { defaultRegistry } from '../../../../src/shared/models/registry.ts';

const model = defaultRegistry().get('gpt-image-1-mini');

function splitOf(count: number, quality: string, image_size = '1024x1024') {
  const price = (n: number) => priceOf(model, { quality, image_size }, 'a mug', n).maxMicroUsd;
  const sizes = splitVariants({ count, maxPerRequest: 4, priceOf: price });
  return { sizes, cents: sizes.reduce((sum, size) => sum + price(size), 0) / 10_000 };
}

/** Every way to write `count` as a sum, order aside. */
function* partitions(count: number, max: number): Generator<number[]> {
  if (count === 0) yield [];
  for (let size = Math.min(count, max); size >= 1; size -= 1) {
    for (const rest of partitions(count - size, size)) yield [size, ...rest];
  }
}

describe('the split of variants into requests', () => {
  it('makes four variants in one request, and none of none', () => {
    expect(splitOf(4, 'medium')).toEqual({ sizes: [4], cents: 5 });
    expect(splitOf(0, 'medium')).toEqual({ sizes: [], cents: 0 });
  });

  it('takes threes where three cost less than the greedy four and two', () => {
    // Low: 4 + 2 costs 3 + 2 cents, 3 + 3 only 2 + 2.
    expect(splitOf(6, 'low')).toEqual({ sizes: [3, 3], cents: 4 });
  });

  it('takes the fewest requests among equally cheap ones', () => {
    // High, square: 3 + 1 costs 11 + 4 cents, 4 costs 15.
    expect(splitOf(4, 'high')).toEqual({ sizes: [4], cents: 15 });
  });

  it('is exact for any prices: as cheap as the best of all partitions, with as few requests', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 16 }),
        fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 5 }),
        (count, prices) => {
          const price = (n: number) => prices[n - 1] ?? Number.NaN;
          const total = (sizes: readonly number[]) => sizes.reduce((sum, size) => sum + price(size), 0);
          const sizes = splitVariants({ count, maxPerRequest: prices.length, priceOf: price });
          expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(count);
          let best = { cost: Number.POSITIVE_INFINITY, requests: 0 };
          for (const each of partitions(count, prices.length)) {
            const cost = total(each);
            if (cost < best.cost || (cost === best.cost && each.length < best.requests)) {
              best = { cost, requests: each.length };
            }
          }
          expect({ cost: total(sizes), requests: sizes.length }).toEqual(best);
          expect(splitVariants({ count, maxPerRequest: prices.length, priceOf: price })).toEqual(sizes);
        },
      ),
    );
  });

  it('splits a hundred variants', () => {
    const { sizes } = splitOf(100, 'high', '1536x1024');
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(100);
  });
});

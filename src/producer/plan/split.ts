import type { MicroUsd } from '../../shared/base/money.ts';

export interface SplitRequest {
  /** How many variants are wanted, from 0. */
  readonly count: number;
  readonly maxPerRequest: number;
  /**
   * What a request for `n` pictures costs. Where an option is left to the model (`auto`) this is the dearest tier: what
   * is minimised is what is reserved. Should fal bill a cheaper tier, another split might have saved a cent.
   */
  readonly priceOf: (n: number) => MicroUsd;
}

/**
 * The sizes of the requests that make `count` variants at the lowest total price, with the fewest requests among
 * equals; biggest first, so that the answer is always the same. Exact for any price function, since rounding up to a
 * cent makes prices that no greedy rule gets right (4 + 2 may cost less than 3 + 3, or more).
 */
export function splitVariants({ count, maxPerRequest, priceOf }: SplitRequest): number[] {
  const prices: MicroUsd[] = [0];
  for (let n = 1; n <= Math.min(count, maxPerRequest); n += 1) prices.push(priceOf(n));

  // best[v]: the cheapest way to make v variants; its last request has size `last`.
  const best: { readonly cost: MicroUsd; readonly requests: number; readonly last: number }[] = [
    { cost: 0, requests: 0, last: 0 },
  ];
  for (let variants = 1; variants <= count; variants += 1) {
    let chosen = { cost: Number.POSITIVE_INFINITY, requests: 0, last: 0 };
    for (let size = 1; size < prices.length && size <= variants; size += 1) {
      const rest = best[variants - size];
      const price = prices[size];
      if (rest === undefined || price === undefined) break;
      const cost = rest.cost + price;
      const requests = rest.requests + 1;
      if (cost < chosen.cost || (cost === chosen.cost && requests <= chosen.requests)) {
        chosen = { cost, requests, last: size };
      }
    }
    best.push(chosen);
  }

  const sizes: number[] = [];
  for (let left = count; left > 0; ) {
    const size = best[left]?.last ?? 0;
    if (size < 1) throw new RangeError('a request must make at least one picture');
    sizes.push(size);
    left -= size;
  }
  return sizes.sort((a, b) => b - a);
}

import type { PlannedRequest } from '../../shared/journal/plan-row.ts';
import type { InputValue, ModelValues } from '../../shared/models/model.ts';
import type { PriceRange } from '../../shared/models/price.ts';
import type { Shot } from '../shots/shot.ts';
import { splitVariants } from './split.ts';

/** fal's input, without prompt and number of pictures. */
export function inputOf({ model, values }: Shot): ModelValues {
  const sent: Record<string, InputValue> = {};
  for (const { name, sentAtDefault, default: standard } of model.inputs) {
    const value = values[name];
    if (value !== undefined && (sentAtDefault || value !== standard)) sent[name] = value;
  }
  return sent;
}

/**
 * Paid requests for what is missing, lowest numbers first, then one request for all that fal was paid for and that has to be
 * fetched, and one for all that exists already.
 */
export function requestsOf(
  { model, variants }: Shot,
  made: readonly number[],
  price: (numImages: number) => PriceRange,
  paid: readonly number[] = [],
): PlannedRequest[] {
  const exists = new Set(made);
  const isPaid = new Set(paid.filter((index) => !exists.has(index)));
  const all = Array.from({ length: variants }, (_, index) => index);
  const missing = all.filter((index) => !exists.has(index) && !isPaid.has(index));
  const free = [
    { kind: 'fetch', indices: all.filter((index) => isPaid.has(index)) },
    { kind: 'reuse', indices: all.filter((index) => exists.has(index)) },
  ] as const;
  const sizes = splitVariants({
    count: missing.length,
    maxPerRequest: model.images.maxPerRequest,
    priceOf: (n) => price(n).maxMicroUsd,
  });
  let from = 0;
  const requests = sizes.map((size, part): PlannedRequest => {
    const indices = missing.slice(from, from + size);
    from += size;
    return { part, indices, kind: 'pay', ...price(size) };
  });
  for (const { kind, indices } of free) {
    if (indices.length > 0)
      requests.push({ part: requests.length, indices, kind, minMicroUsd: 0, maxMicroUsd: 0 });
  }
  return requests;
}

import type { InputValue, ModelValues } from '../shared/models/model.ts';
import type { PriceRange } from '../shared/models/price.ts';
import type { PlannedRequest } from '../shared/plan-row.ts';
import { splitVariants } from './planner.ts';
import type { Shot } from './shot.ts';

/** fal's input, without prompt and number of pictures. */
export function inputOf({ model, values }: Shot): ModelValues {
  const sent: Record<string, InputValue> = {};
  for (const { name, sentAtDefault, default: standard } of model.inputs) {
    const value = values[name];
    if (value !== undefined && (sentAtDefault || value !== standard)) sent[name] = value;
  }
  return sent;
}

/** Paid requests for what is missing, lowest numbers first, then one request for all that exists already. */
export function requestsOf(
  { model, variants }: Shot,
  made: readonly number[],
  price: (numImages: number) => PriceRange,
): PlannedRequest[] {
  const exists = new Set(made);
  const all = Array.from({ length: variants }, (_, index) => index);
  const missing = all.filter((index) => !exists.has(index));
  const reused = all.filter((index) => exists.has(index));
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
  if (reused.length > 0) {
    requests.push({ part: sizes.length, indices: reused, kind: 'reuse', minMicroUsd: 0, maxMicroUsd: 0 });
  }
  return requests;
}

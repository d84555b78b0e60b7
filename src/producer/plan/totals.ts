import type { MicroUsd } from '../../shared/base/money.ts';
import type { PlannedRequest } from '../../shared/journal/plan-row.ts';
import type { Model, ModelValues } from '../../shared/models/model.ts';
import { listPrice } from '../../shared/models/price.ts';

export interface PlanTotals {
  readonly shots: number;
  /** All variants of all shots, those that exist already included. */
  readonly images: number;
  /** Requests that fal is paid for. */
  readonly requests: number;
  readonly reuseRequests: number;
  readonly reusedImages: number;
  /** Paid at fal already, and fetched at no cost. */
  readonly fetchedImages: number;
  /** What the paid requests cost; apart only where an option is `auto`. */
  readonly minMicroUsd: MicroUsd;
  readonly maxMicroUsd: MicroUsd;
  /** What all images would cost with one request an image, dearest tier. */
  readonly naiveMicroUsd: MicroUsd;
  /** The cheapest reservation among the paid requests: a cap below it can buy nothing. undefined: nothing to pay. */
  readonly cheapestMicroUsd: MicroUsd | undefined;
  /** Endpoints of the paid requests. */
  readonly endpoints: readonly string[];
  /** By model and options, most money first; at most 50, the rest under `options: undefined`. */
  readonly groups: readonly PlanGroup[];
}

export interface PlanGroup {
  readonly model: string;
  readonly options: ModelValues | undefined;
  readonly shots: number;
  readonly images: number;
  readonly requests: number;
  readonly minMicroUsd: MicroUsd;
  readonly maxMicroUsd: MicroUsd;
  /** By the price list, before rounding: one image. */
  readonly listMaxMicroUsd: MicroUsd | undefined;
}

export interface PlannedShot {
  readonly model: Model;
  readonly values: ModelValues;
  readonly variants: number;
  readonly requests: readonly PlannedRequest[];
  /** Dearest price of a request for one image. */
  readonly singleMicroUsd: MicroUsd;
}

const MAX_GROUPS = 50;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Adds shots up, in memory that does not grow with the list. */
export class TotalsCounter {
  readonly #sum: Mutable<Omit<PlanTotals, 'groups' | 'endpoints'>> = {
    shots: 0,
    images: 0,
    requests: 0,
    reuseRequests: 0,
    reusedImages: 0,
    fetchedImages: 0,
    minMicroUsd: 0,
    maxMicroUsd: 0,
    naiveMicroUsd: 0,
    cheapestMicroUsd: undefined,
  };
  readonly #endpoints = new Set<string>();
  readonly #groups = new Map<string, Mutable<PlanGroup>>();

  add({ model, values, variants, requests, singleMicroUsd }: PlannedShot): void {
    const sum = this.#sum;
    const group = this.#groupOf(model, values);
    sum.shots += 1;
    sum.images += variants;
    sum.naiveMicroUsd += singleMicroUsd * variants;
    group.shots += 1;
    group.images += variants;
    for (const { kind, indices, minMicroUsd, maxMicroUsd } of requests) {
      if (kind === 'reuse') {
        sum.reuseRequests += 1;
        sum.reusedImages += indices.length;
        continue;
      }
      if (kind === 'fetch') {
        sum.fetchedImages += indices.length;
        continue;
      }
      sum.requests += 1;
      this.#endpoints.add(model.endpoint);
      sum.minMicroUsd += minMicroUsd;
      sum.maxMicroUsd += maxMicroUsd;
      sum.cheapestMicroUsd = Math.min(sum.cheapestMicroUsd ?? maxMicroUsd, maxMicroUsd);
      group.requests += 1;
      group.minMicroUsd += minMicroUsd;
      group.maxMicroUsd += maxMicroUsd;
    }
  }

  totals(): PlanTotals {
    const groups = [...this.#groups.values()].sort((a, b) => b.maxMicroUsd - a.maxMicroUsd);
    return { ...this.#sum, endpoints: [...this.#endpoints], groups };
  }

  #groupOf(model: Model, values: ModelValues): Mutable<PlanGroup> {
    let key = model.endpoint;
    for (const input of model.inputs) if (input.type === 'enum') key += `\n${values[input.name]}`;
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    const full = this.#groups.size >= MAX_GROUPS;
    const kept = full ? 'others' : key;
    const group = this.#groups.get(kept) ?? {
      model: full ? '' : model.endpoint,
      options: full ? undefined : enumValues(model, values),
      shots: 0,
      images: 0,
      requests: 0,
      minMicroUsd: 0,
      maxMicroUsd: 0,
      listMaxMicroUsd: full ? undefined : listPrice(model, values).maxMicroUsd,
    };
    this.#groups.set(kept, group);
    return group;
  }
}

function enumValues(model: Model, values: ModelValues): ModelValues {
  return Object.fromEntries(
    model.inputs.flatMap((input) => {
      const value = values[input.name];
      return input.type === 'enum' && value !== undefined ? [[input.name, value]] : [];
    }),
  );
}

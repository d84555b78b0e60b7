import type { MicroUsd } from '../../shared/base/money.ts';
import { canonicalPrompt, compareInput, type Input } from '../../shared/fal/compare-input.ts';
import type { WrittenRow } from '../plan/writer.ts';

/** A charge of fal's that no request has. */
export interface FreeCharge {
  readonly endpoint: string;
  /** What was asked for, as fal shows it. */
  readonly shown: unknown;
  readonly costMicroUsd: MicroUsd;
}

export interface PaidAlreadyDeps {
  readonly charges: readonly FreeCharge[];
  /** What is POSTed for so many of a row's pictures. */
  readonly posted: (row: Pick<WrittenRow, 'shot' | 'input'>, numImages: number) => Input;
}

/** Finds the requests of a list that ask for just what fal has charged already; each charge serves one of them. */
export class PaidAlready {
  readonly #deps: PaidAlreadyDeps;
  /** By endpoint and then by prompt: of a long list, few rows are compared. */
  readonly #free = new Map<string, ReadonlyMap<string, FreeCharge[]>>();
  #requests = 0;
  #costMicroUsd = 0;

  constructor(deps: PaidAlreadyDeps) {
    this.#deps = deps;
  }

  add(row: Pick<WrittenRow, 'shot' | 'input' | 'requests'>): void {
    if (this.#deps.charges.length === 0) return;
    const { model } = row.shot;
    for (const { kind, indices } of row.requests) {
      if (kind !== 'pay') continue;
      const posted = this.#deps.posted(row, indices.length);
      const free = this.#freeOf(model).get(canonicalPrompt(posted, model) ?? '') ?? [];
      const at = free.findIndex(({ shown }) => compareInput(posted, shown, model) === 'same');
      const [charge] = at < 0 ? [] : free.splice(at, 1);
      if (charge === undefined) continue;
      this.#requests += 1;
      this.#costMicroUsd += charge.costMicroUsd;
    }
  }

  /** undefined where there are none. */
  totals(): { readonly requests: number; readonly costMicroUsd: MicroUsd } | undefined {
    return this.#requests === 0 ? undefined : { requests: this.#requests, costMicroUsd: this.#costMicroUsd };
  }

  #freeOf(model: WrittenRow['shot']['model']): ReadonlyMap<string, FreeCharge[]> {
    const known = this.#free.get(model.endpoint);
    if (known !== undefined) return known;
    const byPrompt = new Map<string, FreeCharge[]>();
    for (const charge of this.#deps.charges) {
      const prompt = charge.endpoint === model.endpoint ? canonicalPrompt(charge.shown, model) : undefined;
      if (prompt !== undefined) byPrompt.set(prompt, [...(byPrompt.get(prompt) ?? []), charge]);
    }
    this.#free.set(model.endpoint, byPrompt);
    return byPrompt;
  }
}

import type { MicroUsd } from '../shared/money.ts';
import type { WrittenRow } from './plan-writer.ts';

/** A charge of fal's that no request has. */
export interface FreeCharge {
  readonly inputHash: string;
  readonly costMicroUsd: MicroUsd;
}

export interface PaidAlreadyDeps {
  readonly charges: readonly FreeCharge[];
  /** Of what is POSTed for so many of a row's pictures. */
  readonly inputHash: (row: Pick<WrittenRow, 'shot' | 'input'>, numImages: number) => string;
}

/** Finds the requests of a list that ask for just what fal has charged already; each charge serves one of them. */
export class PaidAlready {
  readonly #inputHash: PaidAlreadyDeps['inputHash'];
  readonly #free = new Map<string, MicroUsd[]>();
  #requests = 0;
  #costMicroUsd = 0;

  constructor({ charges, inputHash }: PaidAlreadyDeps) {
    this.#inputHash = inputHash;
    for (const { inputHash: hash, costMicroUsd } of charges)
      this.#free.set(hash, [...(this.#free.get(hash) ?? []), costMicroUsd]);
  }

  add(row: Pick<WrittenRow, 'shot' | 'input' | 'requests'>): void {
    // Nearly always: then no row is hashed.
    if (this.#free.size === 0) return;
    for (const { kind, indices } of row.requests) {
      if (kind !== 'pay') continue;
      const costMicroUsd = this.#free.get(this.#inputHash(row, indices.length))?.pop();
      if (costMicroUsd === undefined) continue;
      this.#requests += 1;
      this.#costMicroUsd += costMicroUsd;
    }
  }

  /** undefined where there are none. */
  totals(): { readonly requests: number; readonly costMicroUsd: MicroUsd } | undefined {
    return this.#requests === 0 ? undefined : { requests: this.#requests, costMicroUsd: this.#costMicroUsd };
  }
}

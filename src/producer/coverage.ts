import type { MicroUsd } from '../shared/money.ts';
import type { PlannedRequest } from '../shared/plan-row.ts';

/** What one cap has left. */
export interface Room {
  readonly cap: '--cap' | 'DAILY_CAP_USD' | 'MONTHLY_CAP_USD';
  readonly limitMicroUsd: MicroUsd;
  /** Below 0 where more is spent than the cap allows by now. */
  readonly leftMicroUsd: MicroUsd;
}

/** How much of the list the tightest cap covers. */
export interface Covered extends Room {
  /** So many rows from the list's beginning fit into what is left, at their dearest. */
  readonly rows: number;
}

/** The cap with the least left; undefined where there is none. */
export function tightest(rooms: readonly Room[]): Room | undefined {
  return rooms.toSorted((a, b) => a.leftMicroUsd - b.leftMicroUsd)[0];
}

/** Counts the rows from a list's beginning that an amount pays for, each at the dearest that it can cost. */
export class Coverage {
  #leftMicroUsd: MicroUsd;
  #rows = 0;
  #ended = false;

  constructor(amountMicroUsd: MicroUsd) {
    this.#leftMicroUsd = amountMicroUsd;
  }

  get rows(): number {
    return this.#rows;
  }

  add(requests: readonly Pick<PlannedRequest, 'maxMicroUsd'>[]): void {
    if (this.#ended) return;
    const costs = requests.reduce((sum, { maxMicroUsd }) => sum + maxMicroUsd, 0);
    this.#leftMicroUsd -= costs;
    // What costs nothing is covered by a cap that is spent, too.
    this.#ended = costs > 0 && this.#leftMicroUsd < 0;
    if (!this.#ended) this.#rows += 1;
  }
}

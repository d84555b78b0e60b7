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

/** What the rows of a list cost together, each at its dearest: eight bytes a row. */
export class RowCosts {
  /** Of this row and all before it. */
  #sums = new Float64Array(1_024);
  #rows = 0;

  add(requests: readonly Pick<PlannedRequest, 'maxMicroUsd'>[]): void {
    if (this.#rows === this.#sums.length) {
      const grown = new Float64Array(this.#sums.length * 2);
      grown.set(this.#sums);
      this.#sums = grown;
    }
    const before = this.#rows === 0 ? 0 : (this.#sums[this.#rows - 1] ?? 0);
    this.#sums[this.#rows] = requests.reduce((sum, { maxMicroUsd }) => sum + maxMicroUsd, before);
    this.#rows += 1;
  }

  /** How many rows from the list's beginning an amount pays for. Those that cost nothing are paid for by none, too. */
  rowsWithin(amountMicroUsd: MicroUsd): number {
    const amount = Math.max(0, amountMicroUsd);
    let from = 0;
    let to = this.#rows;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if ((this.#sums[middle] ?? 0) <= amount) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}

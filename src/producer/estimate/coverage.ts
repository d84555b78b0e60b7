import type { MicroUsd } from '../../shared/base/money.ts';
import type { PlannedRequest } from '../../shared/journal/plan-row.ts';

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

/** Rows a segment: segments are never copied, so the sums grow without a moment in which they are held twice. */
const SEGMENT = 65_536;

/** What the rows of a list cost together, each at its dearest: eight bytes a row. */
export class RowCosts {
  /** Of a row and all before it. */
  readonly #sums: Float64Array[] = [];
  #total: MicroUsd = 0;
  #rows = 0;

  add(requests: readonly Pick<PlannedRequest, 'maxMicroUsd'>[]): void {
    const at = this.#rows % SEGMENT;
    const open = at === 0 ? undefined : this.#sums.at(-1);
    const segment = open ?? new Float64Array(SEGMENT);
    if (open === undefined) this.#sums.push(segment);
    for (const { maxMicroUsd } of requests) this.#total += maxMicroUsd;
    segment[at] = this.#total;
    this.#rows += 1;
  }

  /** How many rows from the list's beginning an amount pays for. Those that cost nothing are paid for by none, too. */
  rowsWithin(amountMicroUsd: MicroUsd): number {
    const amount = Math.max(0, amountMicroUsd);
    let from = 0;
    let to = this.#rows;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if ((this.#sums[Math.floor(middle / SEGMENT)]?.[middle % SEGMENT] ?? 0) <= amount) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}

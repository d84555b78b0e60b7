import { describe, expect, it } from '@jest/globals';
import { type Room, RowCosts, tightest } from '../../../../src/producer/estimate/coverage.ts';

const CENT = 10_000;
const row = (...cents: number[]) => cents.map((each) => ({ maxMicroUsd: each * CENT }));

function covered(amountCents: number, rows: ReturnType<typeof row>[]): number {
  const costs = new RowCosts();
  for (const each of rows) costs.add(each);
  return costs.rowsWithin(amountCents * CENT);
}

describe('what an amount covers', () => {
  it.each([
    [0, 0],
    [4, 0],
    [5, 1],
    [6, 1],
    [7, 2],
    [100, 3],
  ])('of rows that cost 5, 2 and 3 + 3 cents, %i cents cover %i', (amount, rows) => {
    expect(covered(amount, [row(5), row(2), row(3, 3)])).toBe(rows);
  });

  it('ends at the first row that does not fit, though a later one would', () => {
    expect(covered(4, [row(2), row(5), row(1)])).toBe(1);
  });

  it('is told of lists of any length', () => {
    const rows = Array.from({ length: 140_000 }, () => row(1));
    expect(covered(70_123, rows)).toBe(70_123);
    expect(covered(1_000_000, rows)).toBe(140_000);
  });

  it('goes on over rows that cost nothing, also where more is spent than the cap allows', () => {
    expect(covered(2, [row(2), row(), row(0), row(1)])).toBe(3);
    expect(covered(-1, [row(), row(1)])).toBe(1);
  });
});

describe('the tightest cap', () => {
  it('is the one with the least left, not the lowest', () => {
    const room = (cap: Room['cap'], limitMicroUsd: number, leftMicroUsd: number) => ({
      cap,
      limitMicroUsd,
      leftMicroUsd,
    });
    expect(tightest([])).toBeUndefined();
    expect(
      tightest([room('--cap', 5, 5), room('DAILY_CAP_USD', 9, 4), room('MONTHLY_CAP_USD', 90, 70)])?.cap,
    ).toBe('DAILY_CAP_USD');
  });
});

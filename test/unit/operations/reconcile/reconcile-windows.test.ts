import { describe, expect, it } from '@jest/globals';
import { windowsOf } from '../../../../src/operations/reconcile/read-history.ts';

const LONGEST_MS = 1_000_000;

function charge(requestId: string, atMs: number) {
  return { requestId, endpoint: 'made/up', atMs, costMicroUsd: 20_000 };
}

describe("the parts of fal's list that are read for charges", () => {
  it('are one where they overlap, and reach from the earliest sending to the charge', () => {
    const windows = windowsOf([charge('b', 5_900_000), charge('a', 5_000_000)], LONGEST_MS);
    expect(windows).toEqual([
      { window: { fromMs: 4_000_000, toMs: 5_960_000 }, requestIds: new Set(['a', 'b']) },
    ]);
  });

  it('leave out the days between two charges', () => {
    const days = 300_000_000;
    const windows = windowsOf([charge('new', days), charge('old', 5_000_000)], LONGEST_MS);
    expect(windows).toEqual([
      { window: { fromMs: 4_000_000, toMs: 5_060_000 }, requestIds: new Set(['old']) },
      { window: { fromMs: days - LONGEST_MS, toMs: days + 60_000 }, requestIds: new Set(['new']) },
    ]);
  });
});

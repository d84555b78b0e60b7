import { describe, expect, it } from '@jest/globals';
import { day, refuseBackwards } from '../../../../src/cli/options/values.ts';
import { CostSums, costsJson, groupOf } from '../../../../src/shared/ledger/costs.ts';
import { daysBetween } from '../../../../src/shared/ledger/days.ts';
import { anEntry } from '../../../support/filled-store.ts';

describe('the sums of the ledger', () => {
  it('are exact, where dollars as numbers are not', () => {
    const sums = new CostSums();
    for (const _ of Array.from({ length: 3 })) sums.add('a', { costMicroUsd: 100_000, numImages: 2 });
    expect(costsJson(sums.rows('batch'))).toEqual({
      totalUsd: 0.3,
      requests: 3,
      images: 6,
      rows: [{ key: 'a', usd: 0.3, requests: 3, images: 6 }],
    });
  });

  it('put the dearest first, and days in their order', () => {
    const sums = new CostSums();
    sums.add('2026-11-01', { costMicroUsd: 1, numImages: 1 });
    sums.add('2026-11-02', { costMicroUsd: 2, numImages: 1 });
    expect(sums.rows('shot').map(({ key }) => key)).toEqual(['2026-11-02', '2026-11-01']);
    expect(sums.rows('day').map(({ key }) => key)).toEqual(['2026-11-01', '2026-11-02']);
  });

  it.each([
    ['batch', 'spring'],
    ['day', '2026-11-20'],
    ['shot', 'tee'],
    ['quality', 'medium'],
    ['size', '1024x1024'],
    ['model', 'made/up'],
  ] as const)('group by %s', (by, key) => {
    expect(groupOf(by, anEntry({ requestId: 'r' }), '2026-11-20')).toBe(key);
  });
});

describe('days on the command line', () => {
  it.each(['2026-02-30', '2026-13-01', 'yesterday', '2026-1-1', ''])('%j is refused', (text) => {
    expect(() => day(text)).toThrow('It must be a day, such as 2026-11-24.');
  });

  it('are read as written', () => {
    expect(day('2028-02-29')).toBe('2028-02-29');
  });

  it('the wrong way round are refused in one sentence', () => {
    expect(() => refuseBackwards({ from: '2026-11-02', to: '2026-11-01' })).toThrow(/swap them/);
  });

  it('between two days are all of them, over a change of the clocks and a leap day too', () => {
    expect(daysBetween('2028-02-28', '2028-03-01')).toEqual(['2028-02-28', '2028-02-29', '2028-03-01']);
    expect(daysBetween('2026-11-02', '2026-11-01')).toEqual([]);
  });
});

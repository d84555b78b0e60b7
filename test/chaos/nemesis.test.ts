import { describe, expect, it } from '@jest/globals';
import { randomOf } from '../../src/local/fal/random.ts';
import { runNemesis } from './nemesis.ts';
import { scheduleOf } from './schedule.ts';

/** Short runs of a few seeds; `npm run chaos -- --seed TEXT --minutes M` makes long ones (docs/guarantees.md). */
const SEEDS = ['ci-1', 'ci-2'];

describe('three workers and a producer under a nemesis', () => {
  it.each(SEEDS)(
    'keep every promise with the seed %s',
    async (seed) => {
      const summary = await runNemesis({ seed, durationMs: 20_000 });
      expect(summary.violations).toEqual([]);
      expect(summary).toMatchObject({ paidTwice: 0, lost: 0, capBreaches: 0 });
      expect(summary.faults).toMatchObject({ 'redis-flushed': 1, 'redis-went-back': 1 });
      expect(summary.images).toBeGreaterThan(0);
    },
    240_000,
  );

  it('meet the same schedule with the same seed', () => {
    const drawn = (seed: string) => JSON.stringify(scheduleOf(60_000, randomOf(seed)));
    expect(drawn('one')).toBe(drawn('one'));
    expect(drawn('one')).not.toBe(drawn('other'));
  });
});

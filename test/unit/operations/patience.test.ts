import { describe, expect, it } from '@jest/globals';
import { isGone, laterLookAtMs, nextLookMs } from '../../../src/worker/collect/patience.ts';

const S = 1_000;
const H = 3_600 * S;
const DAY = 24 * H;

/** When a picture that never comes is looked for, in seconds after the first look. */
function looksOf(wait: 'away' | 'spoiled', patienceS: number): number[] {
  const at = [0];
  for (let looks = 1; looks < 100; looks += 1) {
    const waitedMs = (at.at(-1) ?? 0) * S;
    const delayMs = nextLookMs({ wait, looks, waitedMs, patienceMs: patienceS * S });
    if (delayMs === undefined) return at;
    at.push((waitedMs + delayMs) / S);
  }
  throw new Error('without end');
}

describe('the patience with a paid picture', () => {
  it('that its host does not give: 1, 5, 15, 30, 60 s, then each minute, for ten minutes', () => {
    expect(looksOf('away', 600)).toEqual([0, 1, 6, 21, 51, 111, 171, 231, 291, 351, 411, 471, 531, 591, 600]);
  });

  it('that comes spoiled: 1, 5, 30, 60, 300 s, and once more at the end', () => {
    expect(looksOf('spoiled', 600)).toEqual([0, 1, 6, 36, 96, 396, 600]);
  });

  it('ends with a look at its very end, however short it is', () => {
    expect(looksOf('away', 3)).toEqual([0, 1, 3]);
  });

  it('is none where our own settings refuse the address', () => {
    expect(nextLookMs({ wait: 'none', looks: 1, waitedMs: 0, patienceMs: 600 * S })).toBeUndefined();
  });
});

describe('the looks of workers after that', () => {
  it('come in ten minutes, in an hour, then every six hours, for thirty days', () => {
    const at: number[] = [];
    let now = 0;
    for (let looks = 0; ; looks += 1) {
      const next = laterLookAtMs(looks, 0, now);
      if (next === undefined) break;
      at.push(next);
      now = next;
    }
    expect(at.slice(0, 4)).toEqual([600 * S, 600 * S + H, 600 * S + 7 * H, 600 * S + 13 * H]);
    expect(at.at(-1)).toBeGreaterThan(29.7 * DAY);
    expect(at.at(-1)).toBeLessThanOrEqual(30 * DAY);
  });
});

describe('a picture whose every address answers 404', () => {
  it.each([
    ['two looks', { looks: 2, firstMs: 7 * DAY, lastMs: 9 * DAY }, false],
    ['three looks within 47 hours', { looks: 3, firstMs: 8 * DAY, lastMs: 8 * DAY + 47 * H }, false],
    ['three looks in the first week', { looks: 9, firstMs: 2 * DAY, lastMs: 7 * DAY - 1 }, false],
    [
      'three looks over 48 hours, a week after its run',
      { looks: 3, firstMs: 5 * DAY, lastMs: 7 * DAY },
      true,
    ],
  ])('%s: %o', (_, looks, gone) => {
    expect(isGone(looks, 0)).toBe(gone);
  });
});

import { describe, expect, it } from '@jest/globals';
import { defaultRegistry } from '../../../../src/shared/models/registry.ts';
import { leastMarginS, marginWarning, provenFrom, toAdopt } from '../../../../src/shared/requests/absence.ts';

const mini = defaultRegistry().get('gpt-image-1-mini');
const slow = { ...mini, alias: 'slow', latency: { p50Ms: 60_000, p95Ms: 240_000, maxMs: 400_500 } };

describe('the margin of a lost answer', () => {
  it('follows the longest run of the model, and is 300 s at least', () => {
    expect([leastMarginS(mini), leastMarginS(slow)]).toEqual([300, 581]);
    const limits = { postWindowMs: 30_000, startTimeoutS: 600, unknownMarginS: undefined };
    expect(provenFrom(0, limits, mini)).toBe(930_000);
    expect(provenFrom(0, limits, slow)).toBe(1_211_000);
    expect(provenFrom(0, { ...limits, unknownMarginS: 1 }, slow)).toBe(631_000);
  });

  it('is warned of where it is set below that', () => {
    expect(marginWarning(undefined, slow)).toBeUndefined();
    expect(marginWarning(581, slow)).toBeUndefined();
    expect(marginWarning(580, slow)?.message).toContain('FAL_UNKNOWN_MARGIN_S is 580, and slow needs 581');
  });
});

describe('the entries that may be taken', () => {
  const entry = (id: string, likeness: 'same' | 'other' | 'unclear', foundByOther = false) => ({
    id,
    likeness,
    foundByOther,
  });
  const idsOf = (entries: readonly { readonly id: string }[]) => entries.map(({ id }) => id);

  it('are those that are the same and nobody’s', () => {
    const seen = [entry('a', 'other'), entry('b', 'same', true), entry('c', 'same'), entry('d', 'same')];
    for (const isSettled of [true, false]) expect(idsOf(toAdopt(seen, isSettled))).toEqual(['c', 'd']);
  });

  it('do not lie past an unclear one where rivals are not asked', () => {
    const seen = [entry('a', 'same'), entry('b', 'unclear'), entry('c', 'same')];
    expect(idsOf(toAdopt(seen, true))).toEqual(['a']);
    expect(idsOf(toAdopt(seen, false))).toEqual(['a', 'c']);
    // Whose it is is known to be another's.
    expect(idsOf(toAdopt([entry('b', 'unclear', true), entry('c', 'same')], true))).toEqual(['c']);
  });
});

import { describe, expect, it } from '@jest/globals';
import { randomOf } from '../../src/local/fal/random.ts';
import { killsAt, nameOf, pairsOf, sample, stopsAt } from './plan-crashes.ts';

const HITS = new Map([
  ['before fal.submit', 3],
  ['after fal.submit', 3],
  ['before records.accept', 5],
  ['after records.accept', 5],
]);
const randomAt = (point: string) => randomOf(`seed ${point}`);
const namesOf = (hits: ReadonlyMap<string, number>) =>
  [...killsAt('worker', hits, randomAt), ...stopsAt('worker', hits, randomAt)].map(nameOf);

describe('the runs that a seed draws', () => {
  it('are the same in whatever order a busy machine met the points', () => {
    const turned = new Map([...HITS].reverse());
    expect(namesOf(turned).sort()).toEqual(namesOf(HITS).sort());
    const drawn = (hits: typeof HITS) => sample(killsAt('worker', hits, randomAt), 3, 'seed').map(nameOf);
    expect(drawn(turned)).toEqual(drawn(HITS));
  });

  it('stay the same at all other points where one more was met', () => {
    const more = new Map([['before queues.slowDown', 2], ...HITS]);
    expect(namesOf(more)).toEqual(expect.arrayContaining(namesOf(HITS)));
  });

  it('are others with another seed, and all of them without a count', () => {
    const pairs = pairsOf(HITS);
    expect(pairs).toHaveLength(10);
    const drawn = (seed: string, count?: number) => sample(pairs, count, seed).map(nameOf);
    expect(drawn('one', 4)).not.toEqual(drawn('other', 4));
    expect(drawn('one').sort()).toEqual(pairs.map(nameOf).sort());
  });
});

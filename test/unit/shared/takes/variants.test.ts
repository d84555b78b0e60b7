import { describe, expect, it } from '@jest/globals';
import { createMade } from '../../../../src/producer/plan/existing.ts';
import { objectKeys } from '../../../../src/shared/store/keys.ts';
import { listVariants, listVariantsOfRow, madeOf } from '../../../../src/shared/takes/originals.ts';
import { indicesIn, nthOf, stateOf, variantsOf } from '../../../../src/shared/takes/variants.ts';
import { mapStore } from '../../../support/map-store.ts';

const SHOT = '9f0246996952e013ce975d14b4ab8ba5';
const OTHER = 'af0246996952e013ce975d14b4ab8ba5';

const named = (...names: readonly string[]) =>
  variantsOf(names.map((name) => ({ key: `${objectKeys.originals(SHOT)}${name}`, lastModifiedMs: 7 })));

describe('a listing of originals', () => {
  it.each([
    { names: [], state: 'nothing', next: undefined },
    { names: ['0.png'], state: 'made', next: 2 },
    { names: ['0.jpg', '0.paid.r1.json'], state: 'made', next: 2 },
    { names: ['0.paid.r1.json'], state: 'paid', next: 1 },
    { names: ['0.gone.r1.json', '0.paid.r1.json'], state: 'nothing', next: 1 },
    { names: ['0.gone.r1.json', '0.paid.r1.json', '0.paid.r2.json'], state: 'paid', next: 1 },
    { names: ['0.gone.r2.json', '0.paid.r1.json'], state: 'paid', next: 1 },
    { names: ['0.damaged.json', '0.paid.r1.json', '0.png'], state: 'paid', next: 2 },
    { names: ['0.damaged.json', '0.gone.r1.json', '0.paid.r1.json', '0.png'], state: 'nothing', next: 2 },
    // A crash between paid and damaged leaves the note alone, and one before it nothing.
    { names: ['0.damaged.json', '0.png'], state: 'nothing', next: 2 },
    { names: ['0.2.png', '0.damaged.json', '0.paid.r1.json', '0.png'], state: 'made', next: 3 },
    {
      names: ['0.2.damaged.json', '0.2.jpg', '0.damaged.json', '0.paid.r1.json', '0.png'],
      state: 'paid',
      next: 3,
    },
    { names: ['0.3.webp', '0.2.damaged.json', '0.2.jpg', '0.damaged.json', '0.png'], state: 'made', next: 4 },
    // As versions before kept what is no picture.
    { names: ['0.bin'], state: 'paid', next: 2 },
    { names: ['0.2.png', '0.bin'], state: 'made', next: 3 },
    { names: ['0.bin', '0.gone.r1.json'], state: 'nothing', next: 2 },
    // None of ours.
    { names: ['README', '0.txt', '0..png', '0.paid.json', '1000.png'], state: 'nothing', next: undefined },
  ] as const)('$names is $state', ({ names, state, next }) => {
    const variants = named(...names);
    expect(stateOf(variants, 0)).toBe(state);
    expect(variants.get(0)?.nextNth).toBe(next);
    expect(variants.get(0)?.original?.key.endsWith('.json') ?? false).toBe(false);
  });

  it('is read for each variant by itself, whatever a request id looks like', () => {
    const variants = named('0.png', '1.paid.a.b-c~0.json', '10.2.png', '10.damaged.json', '2.gone.r.json');
    expect(indicesIn(variants, 'made')).toEqual([0, 10]);
    expect(indicesIn(variants, 'paid')).toEqual([1]);
    expect(variants.get(1)?.paidBy).toEqual(['a.b-c~0']);
    expect(variants.get(10)?.original).toEqual({
      index: 10,
      key: objectKeys.original(SHOT, 10, 'png', 2),
      storedAtMs: 7,
    });
    expect(nthOf(objectKeys.original(SHOT, 10, 'png', 2))).toBe(2);
    expect(nthOf(objectKeys.original(SHOT, 10, 'png'))).toBe(1);
  });

  it('says the same to the planner, to a worker and to a row with takes', async () => {
    const store = mapStore();
    const write = (key: string) => store.putOnce(key, Buffer.from('{}'), { contentType: 'text/plain' });
    await write(objectKeys.original(SHOT, 0, 'png'));
    await write(objectKeys.paid(SHOT, 1, 'r1'));
    await write(objectKeys.original(SHOT, 2, 'png'));
    await write(objectKeys.paid(SHOT, 2, 'r1'));
    await write(objectKeys.damaged(SHOT, 2, 1));
    await write(objectKeys.original(OTHER, 1, 'png'));
    await write(objectKeys.paid(OTHER, 2, 'r2'));

    const { made, paid } = await createMade(store);
    expect([await made(SHOT, 4), await paid(SHOT, 4)]).toEqual([[0], [1, 2]]);
    expect([await made(OTHER, 4), await paid(OTHER, 4)]).toEqual([[1], [2]]);
    expect(await madeOf(store, SHOT)).toEqual(new Set([0]));
    expect(indicesIn(await listVariants(store, SHOT), 'paid')).toEqual([1, 2]);
    // Of a take only what is made counts.
    const row = await listVariantsOfRow(store, { shotKey: SHOT, takes: { 1: OTHER, 2: OTHER } });
    expect([indicesIn(row, 'made'), indicesIn(row, 'paid')]).toEqual([[0, 1], [2]]);
  });
});

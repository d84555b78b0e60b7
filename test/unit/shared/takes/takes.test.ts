import { describe, expect, it } from '@jest/globals';
import { planRedo, type RedoAsk, redoBatchId } from '../../../../src/operations/retake/plan.ts';
import { Journal } from '../../../../src/shared/journal/journal.ts';
import { type PlanRow, readPlanChunk } from '../../../../src/shared/journal/plan-row.ts';
import { defaultRegistry } from '../../../../src/shared/models/registry.ts';
import type { DeliveredImage } from '../../../../src/shared/pictures/formats.ts';
import {
  batchIdFault,
  objectKeys,
  parseRequestKey,
  requestKeyOf,
  shotKeyOf,
} from '../../../../src/shared/store/keys.ts';
import { withTakes } from '../../../../src/shared/takes/manifest-takes.ts';
import { originalsOfRow } from '../../../../src/shared/takes/originals.ts';
import { createTakesOfPlan, type TakeRecord, Takes, writeTake } from '../../../../src/shared/takes/takes.ts';
import { anImage, aRow } from '../../../support/filled-store.ts';
import { mapStore } from '../../../support/map-store.ts';

const FIRST = 'a'.repeat(32);
const SECOND = 'b'.repeat(32);
const THIRD = 'c'.repeat(32);

/** A store in which takes are delivered by hand. */
function shelf() {
  const store = mapStore();
  const journal = new Journal({ store });
  let at = 1_000;
  return {
    store,
    say: (more: Partial<TakeRecord>) => {
      at += 1;
      const record = {
        shot: 'mug',
        shotKey: FIRST,
        indices: [0],
        take: 0,
        batch: 'spring',
        row: 0,
        takeKey: FIRST,
      };
      return writeTake(store, { ...record, recipe: 'catalog', at, ...more }, 'x');
    },
    async deliver(batch: string, takeKey: string, indices: readonly number[]) {
      const images = indices.map((index) => imageOf(takeKey, index));
      for (const { original } of images) {
        await store.put(original.key, Buffer.from('x'), { contentType: 'image/png' });
      }
      await journal.writeDelivery({ batch, row: 0, part: 0, at, costMicroUsd: 0, images });
    },
    load: () => Takes.load({ store, journal }),
  };
}

function imageOf(takeKey: string, index: number): DeliveredImage {
  const image = anImage(index);
  return { ...image, original: { ...image.original, key: objectKeys.original(takeKey, index, 'png') } };
}

async function counting(takes: Takes): Promise<Record<number, number>> {
  return Object.fromEntries(
    [...(await takes.countingOf(FIRST))].map(([index, { record }]) => [index, record.take]),
  );
}

describe('the take that counts', () => {
  it('is the newest one whose picture is delivered, for each picture by itself', async () => {
    const { say, deliver, load } = shelf();
    await deliver('spring', FIRST, [0, 1]);
    expect(await counting(await load())).toEqual({});
    await say({ indices: [0, 1] });
    await say({ take: 1, batch: 'one', takeKey: SECOND, indices: [0, 1] });
    expect(await counting(await load())).toEqual({ 0: 0, 1: 0 });
    await deliver('one', SECOND, [1]);
    expect(await counting(await load())).toEqual({ 0: 0, 1: 1 });
  });

  it('is an earlier one again once a person says so, whenever the later ones are delivered', async () => {
    const { say, deliver, load } = shelf();
    await deliver('spring', FIRST, [0]);
    await say({});
    await say({ take: 1, batch: 'one', takeKey: SECOND });
    await say({ take: 2, batch: 'two', takeKey: THIRD });
    await deliver('two', THIRD, [0]);
    expect(await counting(await load())).toEqual({ 0: 2 });
    await say({});
    await deliver('one', SECOND, [0]);
    expect(await counting(await load())).toEqual({ 0: 0 });
  });

  it('refuses a damaged word rather than show another picture', async () => {
    const { store, load } = shelf();
    await store.put(objectKeys.take(FIRST, 1, 'x'), Buffer.from('{}'), { contentType: 'application/json' });
    await expect((await load()).countingOf(FIRST)).rejects.toThrow('is damaged');
  });

  it('is what a later plan uses, where its original is still there', async () => {
    const { store, say, deliver, load } = shelf();
    await say({ take: 1, batch: 'one', takeKey: SECOND, indices: [0, 1, 2] });
    await deliver('one', SECOND, [0, 1]);
    const takesOf = createTakesOfPlan(await load(), store);
    expect(await takesOf(FIRST, 2)).toEqual(
      new Map([
        [0, SECOND],
        [1, SECOND],
      ]),
    );
    expect(await takesOf(FIRST, 1)).toEqual(new Map([[0, SECOND]]));
    expect(await takesOf(THIRD, 1)).toEqual(new Map());
    const { store: bare } = shelf();
    expect(await createTakesOfPlan(await load(), bare)(FIRST, 2)).toEqual(new Map());
  });

  it('is read by a row that names it, and take 0 where it is not stored', async () => {
    const { store, deliver } = shelf();
    await deliver('spring', FIRST, [0, 1, 2]);
    await deliver('one', SECOND, [0, 1]);
    const row = { shotKey: FIRST, takes: { 0: SECOND, 2: SECOND } };
    expect((await originalsOfRow(store, row)).map(({ key }) => key)).toEqual([
      objectKeys.original(SECOND, 0, 'png'),
      objectKeys.original(FIRST, 1, 'png'),
      objectKeys.original(FIRST, 2, 'png'),
    ]);
  });
});

describe('a manifest with takes', () => {
  const row: PlanRow = { ...aRow(0, 'mug', 2), shotKey: FIRST };
  const own = [imageOf(FIRST, 0), imageOf(FIRST, 1)];

  it('shows the take that counts in the place of its own picture, and says which it is', async () => {
    const { say, deliver, load } = shelf();
    await deliver('spring', FIRST, [0, 1]);
    await say({ indices: [0, 1] });
    await say({ take: 1, batch: 'one', takeKey: SECOND, indices: [1], prompt: 'a mug on slate' });
    await deliver('one', SECOND, [1]);
    const shown = await withTakes(row, own, await load());
    expect(shown).toEqual([own[0], { ...imageOf(SECOND, 1), take: 1, prompt: 'a mug on slate' }]);
  });

  it('keeps its own where the take has the renditions of another recipe', async () => {
    const { say, deliver, load } = shelf();
    await say({ take: 1, batch: 'one', takeKey: SECOND });
    await deliver('one', SECOND, [0]);
    expect(await withTakes({ ...row, recipe: 'original' }, own, await load())).toEqual(own);
    const rendered = [imageOf(SECOND, 0)];
    expect(await withTakes({ ...row, recipe: 'original' }, rendered, await load())).toEqual([
      { ...rendered[0], take: 1 },
    ]);
  });

  it("says in a redo's own lines which take it made", async () => {
    const { load } = shelf();
    const made = [imageOf(SECOND, 0)];
    expect(await withTakes({ ...row, shotKey: SECOND, take: 3 }, made, await load())).toEqual([
      { ...made[0], take: 3 },
    ]);
  });
});

describe('the plan of a redo', () => {
  const row: PlanRow = {
    ...aRow(7, 'MUG/1', 6, { title: 'Mug' }),
    model: 'fal-ai/gpt-image-1-mini',
    input: { quality: 'medium', image_size: '1024x1024', background: 'auto', output_format: 'png' },
  };
  const ask: RedoAsk = { batch: 'spring', shots: [{ row, indices: [1, 3, 4, 5] }], prompt: undefined };
  const deps = { registry: defaultRegistry(), hashOf: async () => '', clock: () => 0 };

  it('pays for the pictures that are asked for alone, at the lowest price', async () => {
    await using plan = await planRedo(ask, 2, deps);
    const [planned, ...others] = readPlanChunk(await plan.chunk(0));
    expect(others).toEqual([]);
    expect(planned).toMatchObject({
      row: 0,
      shot: 'MUG/1',
      take: 2,
      prompt: row.prompt,
      input: row.input,
      recipe: 'catalog',
      variants: 6,
      columns: row.columns,
      requests: [{ part: 0, indices: [1, 3, 4, 5], kind: 'pay', maxMicroUsd: 50_000 }],
    });
    expect(plan.totals).toMatchObject({ shots: 1, images: 4, requests: 1, maxMicroUsd: 50_000 });
  });

  it("has the take in the shot key, made of the same words as a list's", async () => {
    await using plan = await planRedo(ask, 2, deps);
    const identity = { id: 'MUG/1', model: row.model, prompt: row.prompt, options: row.input };
    expect(plan.rows[0]?.shotKey).toBe(shotKeyOf({ ...identity, take: 2 }));
    expect(plan.rows[0]?.shotKey).not.toBe(shotKeyOf({ ...identity, take: 0 }));
  });

  it('fills other words in from the columns, and refuses what does not fit', async () => {
    await using plan = await planRedo({ ...ask, prompt: '{{title}} on slate' }, 1, deps);
    expect(plan.rows[0]?.prompt).toBe('Mug on slate');
    await expect(planRedo({ ...ask, prompt: '{{titel}}' }, 1, deps)).rejects.toThrow('--prompt, for MUG/1');
    await expect(planRedo({ ...ask, prompt: ' ' }, 1, deps)).rejects.toThrow('--prompt is empty');
    await expect(planRedo({ ...ask, prompt: 'x'.repeat(40_000) }, 1, deps)).rejects.toThrow(
      '40,000 characters',
    );
  });

  it('is one batch for the same pictures, words and take, and another one for others', () => {
    const [shot] = ask.shots;
    if (shot === undefined) throw new Error('a shot is asked for');
    const others: readonly [RedoAsk, number][] = [
      [ask, 1],
      [{ ...ask, prompt: 'a mug' }, 2],
      [{ ...ask, shots: [{ ...shot, indices: [1] }] }, 2],
      [{ ...ask, batch: 'autumn' }, 2],
    ];
    const ids = [redoBatchId(ask, 2), ...others.map(([other, take]) => redoBatchId(other, take))];
    expect(redoBatchId({ ...ask }, 2)).toBe(ids[0]);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it.each(['s', 'spring.take1-0a1b2c3d', 'x'.repeat(63)])(
    'has a batch id that can be one, for %s',
    (batch) => {
      const id = redoBatchId({ ...ask, batch }, 12);
      expect(batchIdFault(id)).toBeUndefined();
      expect(id).toMatch(/\.take12-[0-9a-f]{8}$/);
      const request = { batch: id, row: 3, part: 1 };
      expect(parseRequestKey(requestKeyOf(request))).toEqual(request);
    },
  );

  it('has other batch ids for batches whose names differ only behind the cut', () => {
    const [one, two] = ['a', 'b'].map((end) => redoBatchId({ ...ask, batch: `${'x'.repeat(62)}${end}` }, 1));
    expect(one).not.toBe(two);
  });
});

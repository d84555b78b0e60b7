import { describe, expect, it } from '@jest/globals';
import { silentLogger } from '../../../src/shared/base/log.ts';
import { defaultRegistry } from '../../../src/shared/models/registry.ts';
import { DuePictures } from '../../../src/shared/requests/due-pictures.ts';
import { objectKeys } from '../../../src/shared/store/keys.ts';
import { readPaid, writePaid } from '../../../src/shared/takes/original-notes.ts';
import { listVariants } from '../../../src/shared/takes/originals.ts';
import { createLookAgain } from '../../../src/worker/later-looks.ts';
import { MODEL } from '../../support/fal.ts';
import { mapStore } from '../../support/map-store.ts';
import { testRedis } from '../../support/redis.ts';

const SHOT = '9f0246996952e013ce975d14b4ab8ba5';
const REQUEST = 'spring.summer.0.0';
const DAY_MS = 86_400_000;
const FAILED_MS = 1_700_000_000_000;

const row = {
  row: 0,
  shot: 'mug',
  shotKey: SHOT,
  model: MODEL,
  prompt: 'a mug',
  input: {},
  recipe: 'original',
  variants: 1,
  columns: {},
  requests: [],
};

/** One paid picture of a failed request, on real Redis and a clock of its own. */
async function openLooks(status: (atMs: number) => 'made' | 'nowhere' | 'away') {
  const redis = await testRedis();
  const store = mapStore();
  const { client, prefix } = redis;
  const due = new DuePictures({ redis: client, prefix });
  let nowMs = FAILED_MS;
  const looks: number[] = [];
  await writePaid(store, { shotKey: SHOT, index: 0 }, { requestId: 'r1', image: 0, since: nowMs, why: 'x' });
  await due.add({ shotKey: SHOT, index: 0, request: REQUEST }, nowMs + 600_000, nowMs);
  const lookAgain = createLookAgain({
    store,
    journal: {
      readResult: async () => ({
        batch: 'spring.summer',
        row: 0,
        part: 0,
        round: 0,
        requestId: 'r1',
        at: FAILED_MS - 600_000,
        day: '2026-11-24',
        cost: 1,
        source: 'price-rule',
        images: [],
      }),
    },
    records: { read: async () => undefined },
    batches: { read: async () => undefined },
    house: {
      step: async () => ({ code: 'absent', state: undefined }),
      work: async () => ({
        name: { batch: 'spring.summer', row: 0, part: 0 },
        row,
        planned: { part: 0, indices: [0], kind: 'pay', minMicroUsd: 1, maxMicroUsd: 1 },
        model: defaultRegistry().get(MODEL),
      }),
    },
    due,
    fetchPaid: async (_shot, variant) => {
      looks.push(nowMs - FAILED_MS);
      const answer = status(nowMs - FAILED_MS);
      if (answer === 'made') return [];
      const failure = { code: 'media_unreachable', message: 'x' };
      const notes = await readPaid(store, SHOT, variant);
      return notes.map((note) => ({ note, failure, isNowhere: answer === 'nowhere' }));
    },
    mediaStop: { fetched: async () => {} },
    add: async () => {},
    clock: () => nowMs,
    log: silentLogger,
  });
  return {
    due,
    looks,
    /** A look each ten minutes, for so many days. */
    async days(count: number) {
      const untilMs = nowMs + count * DAY_MS;
      while (nowMs < untilMs) {
        nowMs += 600_000;
        if ((await due.due(nowMs, 1)).length > 0) await lookAgain(AbortSignal.timeout(20_000));
      }
    },
    state: async () => (await listVariants(store, SHOT)).get(0)?.state,
    keys: () => store.keys(),
    isDue: async () => (await due.due(Number.MAX_SAFE_INTEGER, 1)).length === 1,
    [Symbol.asyncDispose]: () => redis[Symbol.asyncDispose](),
  };
}

describe('a paid picture that workers look for by themselves', () => {
  it('is looked for in ten minutes, an hour, and every six hours; after 30 days it is still paid', async () => {
    await using at = await openLooks(() => 'away');
    await at.days(31);
    expect(at.looks.slice(0, 4).map((ms) => ms / 600_000)).toEqual([1, 7, 43, 79]);
    expect(at.looks.length).toBeGreaterThan(110);
    expect([await at.isDue(), await at.state()]).toEqual([false, 'paid']);
  });

  it('is given up as gone a week after its run, when all its addresses answered 404 for two days', async () => {
    await using at = await openLooks(() => 'nowhere');
    await at.days(6.9);
    expect([await at.isDue(), await at.state()]).toEqual([true, 'paid']);
    await at.days(0.5);
    expect([await at.isDue(), await at.state()]).toEqual([false, 'nothing']);
    expect(at.keys()).toContain(objectKeys.gone(SHOT, 0, 'r1'));
  });

  it('is not gone while an answer other than that comes now and then', async () => {
    let looks = 0;
    await using at = await openLooks(() => {
      looks += 1;
      // Every two days: never 404 for two days in a row.
      return looks % 8 === 0 ? 'away' : 'nowhere';
    });
    await at.days(31);
    expect(await at.state()).toBe('paid');
  });

  it('is due no more once it has come, and at once when a user asks', async () => {
    await using at = await openLooks(() => 'made');
    expect(await at.due.hurry('spring')).toBe(0);
    expect(await at.due.hurry('spring.summer')).toBe(1);
    await at.days(0.007);
    expect(at.looks).toEqual([600_000]);
    expect(await at.isDue()).toBe(false);
  });
});

import { describe, expect, it } from '@jest/globals';
import { Later } from '../../../../src/shared/base/later.ts';
import { silentLogger } from '../../../../src/shared/base/log.ts';
import { MediaError } from '../../../../src/shared/fal/media.ts';
import type { Result } from '../../../../src/shared/journal/objects.ts';
import { defaultRegistry } from '../../../../src/shared/models/registry.ts';
import type { RequestRecord } from '../../../../src/shared/requests/record.ts';
import type { Work } from '../../../../src/shared/requests/steps.ts';
import type { RequestFailure } from '../../../../src/shared/requests/verdicts.ts';
import { objectKeys } from '../../../../src/shared/store/keys.ts';
import { FetchError } from '../../../../src/worker/collect/fetch-original.ts';
import { createFetchPictures } from '../../../../src/worker/collect/pictures.ts';
import { MODEL } from '../../../support/fal.ts';
import { mapStore } from '../../../support/map-store.ts';

const SHOT = '9f0246996952e013ce975d14b4ab8ba5';
const name = { batch: 'spring', row: 0, part: 0 };
const row = {
  row: 0,
  shot: 'mug',
  shotKey: SHOT,
  model: MODEL,
  prompt: 'a mug',
  input: {},
  recipe: 'original',
  variants: 2,
  columns: {},
  requests: [],
};
const planned = { part: 0, indices: [0, 1], kind: 'pay' as const, minMicroUsd: 1, maxMicroUsd: 1 };
const work: Work = { name, row, planned, model: defaultRegistry().get(MODEL) };
const result: Result = {
  ...name,
  round: 0,
  requestId: 'r1',
  at: 0,
  day: '2026-11-24',
  cost: 1,
  source: 'price-rule',
  images: [{ url: 'https://fal.media/a.png' }, { url: 'https://fal.media/b.png' }],
};
const record: RequestRecord = {
  request: 'spring.0.0',
  name,
  state: 'submitted',
  epoch: 1,
  round: 0,
  reserved: undefined,
  requestId: 'r1',
  intentAtMs: 0,
  attempts: 0,
  renderStarts: 0,
  booked: 1,
  failure: undefined,
  withdrawal: undefined,
  provenAtMs: undefined,
  undecided: undefined,
  waitsForProof: false,
};

/** Looks for the pictures as often as it is asked to, on a clock of its own. */
async function lookUntilEnd(
  answer: (index: number, atMs: number) => Error | undefined,
  patienceMs = 600_000,
) {
  const store = mapStore();
  let nowMs = 1_000_000;
  let looks = 0;
  const due: number[] = [];
  const stops: string[] = [];
  const fetchPictures = createFetchPictures({
    store,
    journal: { readIntent: async () => undefined },
    records: {
      noteLook: async () => {
        looks += 1;
        return { sinceMs: 1_000_000, looks };
      },
    },
    fetchOriginal: async ({ index }) => {
      const error = answer(index, nowMs - 1_000_000);
      if (error !== undefined) throw error;
      await store.putOnce(objectKeys.original(SHOT, index, 'png'), Buffer.from('x'), {
        contentType: 'image/png',
      });
    },
    mediaStop: {
      missing: async (_request, pictures) => {
        stops.push(`missing ${pictures}`);
      },
      fetched: async () => {},
      gaveUp: async () => {
        stops.push('gave up');
      },
      refused: async () => {
        stops.push('refused');
      },
    },
    due: {
      add: async ({ index }) => {
        due.push(index);
      },
    },
    patienceMs,
    clock: () => nowMs,
    log: silentLogger,
  });
  const atS: number[] = [];
  for (;;) {
    atS.push((nowMs - 1_000_000) / 1_000);
    try {
      const answered = { result, output: undefined };
      const failure: RequestFailure | undefined = await fetchPictures(
        record,
        work,
        answered,
        AbortSignal.timeout(5_000),
      );
      return { failure, atS, due, stops, keys: store.keys() };
    } catch (error) {
      if (!(error instanceof Later)) throw error;
      nowMs += error.delayMs;
    }
  }
}

const away = () =>
  new FetchError(new MediaError('away', 'fal.media answered 403 for the picture.', { status: 403 }));

describe('the pictures of a request that fal was paid for', () => {
  it('are waited for, and the good one is kept at once', async () => {
    const { failure, atS, keys, stops } = await lookUntilEnd((index, atMs) =>
      index === 1 && atMs < 20_000 ? away() : undefined,
    );
    expect([failure, atS]).toEqual([undefined, [0, 1, 6, 21]]);
    expect(keys.map((key) => key.slice(-5))).toEqual(['0.png', '1.png']);
    expect(stops).toEqual(['missing 1', 'missing 1', 'missing 1']);
  });

  it('are noted as paid before the request fails, after ten minutes, and looked for later', async () => {
    const { failure, atS, keys, due, stops } = await lookUntilEnd(away);
    expect(failure).toEqual({
      code: 'media_unreachable',
      message: 'fal.media answered 403 for the picture.',
    });
    expect(atS.at(-1)).toBe(600);
    expect(keys).toEqual([objectKeys.paid(SHOT, 0, 'r1'), objectKeys.paid(SHOT, 1, 'r1')]);
    expect([due, stops.at(-1)]).toEqual([[0, 1], 'gave up']);
  });

  it('are not waited for where our settings refuse their host', async () => {
    const { failure, atS, keys, stops } = await lookUntilEnd(
      () => new FetchError(new MediaError('none', 'its host is none of FAL_MEDIA_HOSTS')),
    );
    expect([failure?.code, atS]).toEqual(['media_refused', [0]]);
    expect(keys).toHaveLength(2);
    expect(stops).toEqual(['refused', 'gave up']);
  });

  it('are waited for as long as one of them may come, though another one is refused', async () => {
    const { failure, atS, keys } = await lookUntilEnd((index, atMs) => {
      if (index === 0) return new FetchError(new MediaError('none', 'refused'));
      return atMs < 5_000 ? away() : undefined;
    });
    expect([failure?.code, atS]).toEqual(['media_refused', [0, 1, 6]]);
    expect(keys).toEqual([objectKeys.original(SHOT, 1, 'png'), objectKeys.paid(SHOT, 0, 'r1')]);
  });

  it('that come damaged alike for five minutes were made so, which is final, and nobody looks for them', async () => {
    const same = (index: number) =>
      index === 0
        ? new FetchError(new MediaError('spoiled', 'The same damaged picture was answered again.'), {
            sameSinceMs: 1_000_000,
          })
        : undefined;
    const { failure, atS, keys, due } = await lookUntilEnd(same);
    expect([failure?.code, atS]).toEqual(['unreadable_picture', [0, 1, 6, 36, 96, 396]]);
    expect(keys).toContain(objectKeys.paid(SHOT, 0, 'r1'));
    expect(due).toEqual([]);
  });
});

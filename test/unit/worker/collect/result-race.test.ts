import { describe, expect, it } from '@jest/globals';
import { silentLogger } from '../../../../src/shared/base/log.ts';
import { FalError } from '../../../../src/shared/fal/errors.ts';
import { Journal } from '../../../../src/shared/journal/journal.ts';
import { defaultRegistry } from '../../../../src/shared/models/registry.ts';
import { createReadResult, type ReadResultDeps } from '../../../../src/worker/collect/result.ts';
import { MODEL } from '../../../support/fal.ts';
import { mapStore } from '../../../support/map-store.ts';

const notDone = new FalError({
  kind: 'http',
  call: 'result',
  status: 400,
  type: undefined,
  detail: 'Request is still in progress',
  retryAfterMs: undefined,
  neverStarted: false,
  billableUnits: undefined,
});
const gone = new FalError({ ...notDone.fault, status: 404, detail: 'no such request' });
const tooLarge = new FalError({ ...notDone.fault, kind: 'too-large', call: 'list', status: 200, detail: '' });
const output = { images: [{ url: 'https://v3.fal.media/files/a.png' }] };
const name = { batch: 'b', row: 0, part: 0 };

const NOW = 1_795_525_699_749;

type Answer = FalError | { readonly output: typeof output; readonly billableUnits: undefined };

/** Reads a result from a fal that gives these answers in turn, and says of every run that it is done. */
async function readFrom(
  answers: readonly Answer[],
  { findById, intentAtMs = 0 }: { findById?: () => Promise<never>; intentAtMs?: number } = {},
) {
  const left = [...answers];
  const deps = {
    journal: new Journal({ store: mapStore() }),
    queue: {
      submit: () => Promise.reject(new Error('nothing is submitted here')),
      status: async () => ({ state: 'done', queuePosition: undefined, inferenceMs: undefined, logs: [] }),
      async result() {
        const next = left.shift();
        if (next === undefined) throw new Error('asked once too often');
        if (next instanceof FalError) throw next;
        return next;
      },
    },
    clock: () => NOW,
    random: () => 0,
    log: silentLogger,
  };
  const none = () => Promise.reject(new Error('not asked here'));
  const read = createReadResult({
    ...deps,
    house: { step: none, give: none, work: none, stop: none, fail: none },
    platform: { findById: findById ?? none, unitPriceUsd: none },
  } as unknown as ReadResultDeps); // Only what a result needs.
  const request = { part: 0, indices: [0], kind: 'pay' as const, maxMicroUsd: 20_000, minMicroUsd: 20_000 };
  const row = {
    row: 0,
    shot: 's',
    shotKey: 'a'.repeat(32),
    model: MODEL,
    prompt: 'p',
    input: { quality: 'medium', image_size: '1024x1024' },
    recipe: 'r',
    variants: 1,
    columns: {},
    requests: [request],
  };
  const record = {
    request: 'b.0.0',
    name,
    state: 'submitted' as const,
    epoch: 1,
    round: 0,
    reserved: 20_000,
    requestId: 'X',
    intentAtMs,
    attempts: 0,
    renderStarts: 0,
    booked: undefined,
    failure: undefined,
    withdrawal: undefined,
    provenAtMs: undefined,
    undecided: undefined,
    waitsForProof: false,
  };
  const work = { name, row, planned: request, model: defaultRegistry().get(MODEL) };
  return await read(record, work, 'X', AbortSignal.timeout(5_000));
}

describe('a 400 for a result', () => {
  it('fails no run that came to its end between the two questions', async () => {
    const answered = await readFrom([notDone, { output, billableUnits: undefined }]);

    expect(answered?.result.failure).toBeUndefined();
    expect(answered?.result.images).toEqual([{ url: 'https://v3.fal.media/files/a.png' }]);
  });

  it('is the answer where fal repeats it of a run that is done', async () => {
    const answered = await readFrom([notDone, notDone]);

    expect(answered?.result.failure).toMatchObject({ code: 'bad_request' });
  });
});

describe("a page of fal's history that is too large to be read", () => {
  const findById = () => Promise.reject(tooLarge);

  it('ends a request that the queue has forgotten after an hour, booked and not settled as nothing', async () => {
    const answered = await readFrom([gone], { findById });

    expect(answered?.result).toMatchObject({
      failure: { code: 'answer_too_large' },
      cost: 20_000,
      source: 'assumed',
      images: [],
    });
  });

  it('is asked for again before that', async () => {
    const early = readFrom([gone], { findById, intentAtMs: NOW - 60_000 });

    await expect(early).rejects.toMatchObject({ name: 'Later' });
  });
});

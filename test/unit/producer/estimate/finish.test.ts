import { describe, expect, it } from '@jest/globals';
import { finishOf } from '../../../../src/producer/estimate/duration.ts';
import { defaultRegistry } from '../../../../src/shared/models/registry.ts';

const model = defaultRegistry().get('gpt-image-1-mini');
const perSecond = { max: 10, durationMs: 1_000 };

/** Kinds by name: how many requests of each. */
const kindsOf = (requests: Readonly<Record<string, number>>) =>
  new Map(Object.entries(requests).map(([kind, count]) => [kind, { model, requests: count }]));

const learned =
  (means: Readonly<Record<string, number>>) =>
  async (kind: string): Promise<{ meanMs: number; deviationMs: number } | undefined> => {
    const meanMs = means[kind];
    return meanMs === undefined ? undefined : { meanMs, deviationMs: 0 };
  };

describe('the time to finish', () => {
  it('is what the slots need where they are the fewer', async () => {
    const deps = { latencyOf: learned({ a: 10_000, b: 20_000 }), concurrency: 2, submitRate: perSecond };
    expect(await finishOf(kindsOf({ a: 10, b: 5 }), deps)).toEqual({
      seconds: 100,
      binds: 'slots',
      learned: 'all',
    });
  });

  it('is never less than one request takes', async () => {
    const deps = { latencyOf: learned({ a: 10_000 }), concurrency: 50, submitRate: perSecond };
    expect(await finishOf(kindsOf({ a: 3 }), deps)).toMatchObject({ seconds: 11 });
    expect(await finishOf(kindsOf({ a: 1 }), deps)).toMatchObject({ seconds: 10 });
  });

  it('is decided by what lets fewer through, also where a short list fits into the slots at once', async () => {
    const binds = async (concurrency: number) =>
      (
        await finishOf(kindsOf({ a: 3 }), {
          latencyOf: learned({ a: 10_000 }),
          concurrency,
          submitRate: perSecond,
        })
      )?.binds;
    expect(await binds(99)).toBe('slots');
    expect(await binds(101)).toBe('submit-rate');
  });

  it('is what the submit rate lets through where that is less than the slots could take', async () => {
    const submitRate = { max: 30, durationMs: 60_000 };
    const deps = { latencyOf: learned({ a: 1_000 }), concurrency: 8, submitRate };
    expect(await finishOf(kindsOf({ a: 301 }), deps)).toMatchObject({ seconds: 601, binds: 'submit-rate' });
  });

  it("takes the model's own latency for kinds of which nothing was learned, and says so", async () => {
    const deps = { latencyOf: learned({ a: 2_000 }), concurrency: 1, submitRate: perSecond };
    const own = model.latency.p50Ms / 1_000;
    expect(await finishOf(kindsOf({ a: 1, b: 2 }), deps)).toMatchObject({
      seconds: 2 + 2 * own,
      learned: 'some',
    });
    expect(await finishOf(kindsOf({ b: 2 }), deps)).toMatchObject({ seconds: 2 * own, learned: 'none' });
  });

  it('is not there where nothing is asked of fal', async () => {
    const deps = { latencyOf: learned({}), concurrency: 1, submitRate: perSecond };
    expect(await finishOf(new Map(), deps)).toBeUndefined();
  });
});

import { describe, expect, it, jest } from '@jest/globals';
import pMap from 'p-map';
import { silentLogger } from '../../../../src/shared/base/log.ts';
import { sweep } from '../../../../src/worker/sweep.ts';
import { type Desk, openDesk } from '../../../support/desk.ts';
import { until } from '../../../support/fal.ts';

// Thousands of steps, each a round trip: a busy machine takes its time.
jest.setTimeout(120_000);

const REQUESTS = 1_000;
/** The time of records is told in hours: this is a second. */
const TTL_H = 1 / 3_600;

describe('what finished batches leave in Redis', () => {
  it('is after ten batches of 1,000 what it was after one, once the time of their records is up', async () => {
    await using desk = await openDesk({ ttlH: TTL_H });
    const first = await desk.open('b-0', REQUESTS);
    // Before any has ended: from then on their time runs.
    const full = await usedBytes(desk);
    await finish(desk, 'b-0', first);
    await forgotten(desk);
    const afterOne = await usedBytes(desk);
    for (let at = 1; at < 10; at += 1) {
      await finish(desk, `b-${at}`, await desk.open(`b-${at}`, REQUESTS));
    }
    await forgotten(desk);
    const afterTen = await usedBytes(desk);

    expect(afterTen).toBeLessThanOrEqual(afterOne * 1.02);
    // What stays is the money of the day and the month, and nothing a request.
    expect(afterOne).toBeLessThan(2_000);
    expect(full / REQUESTS).toBeGreaterThan(50);
  });
});

/** Every fourth fails, the others go the whole way. */
async function finish(desk: Desk, batch: string, requests: readonly string[]): Promise<void> {
  await desk.batches.complete(batch);
  await pMap(
    requests.map((request, at) => ({ request, state: at % 4 === 0 ? 'failed' : 'delivered' }) as const),
    ({ request, state }) => desk.bring(request, state),
    { concurrency: 200 },
  );
  const view = await desk.batches.read(batch);
  expect(view).toMatchObject({ counts: { delivered: 750, failed: 250 }, doneAtMs: expect.any(Number) });
  await desk.batches.summarized(batch, Math.ceil(TTL_H * 3_600));
}

/** Redis lets go of the records by itself; the sweep drops the names of the batches that went with them. */
async function forgotten(desk: Desk): Promise<void> {
  const { batches: known, records, redis } = desk;
  const deps = {
    redis: redis.client,
    prefix: redis.prefix,
    batches: known,
    records,
    add: async () => {},
    ended: async () => {},
    held: async () => {},
    log: silentLogger,
  };
  await until(
    async () => {
      await sweep(deps);
      const keys = (await keysOf(desk)).filter((key) => /:(rec|id|batch|claim|wait|rivals|open):/.test(key));
      // A batch whose time is up just after a sweep has read it is dropped by the next one.
      return { keys, known: await known.list() };
    },
    ({ keys, known }) => keys.length === 0 && known.length === 0,
  );
}

async function usedBytes(desk: Desk): Promise<number> {
  const keys = await keysOf(desk);
  const sizes = await pMap(keys, (key) => desk.redis.client.memory('USAGE', key, 'SAMPLES', 0), {
    concurrency: 100,
  });
  return sizes.reduce((sum: number, size) => sum + (size ?? 0), 0);
}

async function keysOf({ redis }: Desk): Promise<string[]> {
  return await redis.client.keys(`${redis.prefix}*`);
}

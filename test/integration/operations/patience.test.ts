import { describe, expect, it } from '@jest/globals';
import { startWork } from '../../../src/app/worker.ts';
import { statusView } from '../../../src/cli/output/status.ts';
import { UserError } from '../../../src/shared/base/errors.ts';
import { Journal } from '../../../src/shared/journal/journal.ts';
import { Waits } from '../../../src/shared/redis/waits.ts';
import { createLook } from '../../../src/shared/status/snapshot.ts';
import { startPatience } from '../../../src/worker/patience.ts';
import { until } from '../../support/fal.ts';
import { logLines } from '../../support/log-lines.ts';
import { when } from '../../support/program.ts';
import { testRedis } from '../../support/redis.ts';
import { openWorkshop, type Workshop } from '../../support/workshop.ts';

const ROW = [{ id: 'A', prompt: 'A mug', quality: 'low' }];

/** What `status BATCH` shows. */
async function look(shop: Workshop, batch: string) {
  const picture = await createLook(shop.shop)(batch);
  if (picture === undefined) throw new Error(`there is no batch ${batch}`);
  return { ...picture, text: statusView(picture) };
}

describe('what waits', () => {
  it('is in Redis in constant size, of all workers together, and goes by itself', async () => {
    await using redis = await testRedis();
    const waits = new Waits({ redis: redis.client, prefix: redis.prefix });
    expect(await waits.read('b')).toEqual([]);
    const reasons = Array.from({ length: 9 }, (_, at) => ({
      reason: `r${at}`,
      requests: 9 - at,
      sinceMs: 50,
    }));
    await waits.say('b', 'w1', reasons);
    await waits.say('b', 'w2', [{ reason: 'r0', requests: 3, sinceMs: 20 }]);
    const read = await waits.read('b');
    expect(read).toHaveLength(5);
    expect(read[0]).toEqual({ reason: 'r0', requests: 12, sinceMs: 20 });
    const key = `${redis.prefix}:waits:b`;
    expect(await redis.client.hlen(key)).toBe(2);
    expect(await redis.client.ttl(key)).toBeGreaterThan(20);
    // A worker that died said it an hour ago.
    await redis.client.hset(
      key,
      'w3',
      `1000 ${JSON.stringify([{ reason: 'old', requests: 1, sinceMs: 1 }])}`,
    );
    expect(await waits.read('b')).toEqual(read);
    await waits.say('b', 'w1', []);
    expect(await redis.client.hkeys(key)).toEqual(['w2']);
  });

  it('is told as one line a reason, later at growing intervals, and never what waits for a moment', async () => {
    let nowMs = 1_000_000;
    const { log, lines } = logLines();
    const said: unknown[] = [];
    const patience = startPatience({
      waits: { say: async (...words) => void said.push(words[2]) },
      clean: (text) => text.replaceAll('secret-1', '[secret]'),
      clock: () => nowMs,
      log,
      everyMs: 5,
    });
    try {
      for (let at = 0; at < 300; at += 1)
        patience.waits({ batch: 'b', who: `r${at}`, why: 'no images for secret-1', forMs: 60_000 });
      patience.waits({ batch: 'b', who: 'short', why: 'a moment', forMs: 1_000 });
      nowMs += 5_000;
      patience.over('short');
      nowMs += 6_000;
      await when(() => lines.length > 0);
      expect(lines).toEqual([
        expect.objectContaining({
          level: 40,
          batch: 'b',
          reason: 'no images for [secret]',
          requests: 300,
          waitedS: 11,
        }),
      ]);
      const before = said.length;
      await when(() => said.length > before + 5);
      expect(lines).toHaveLength(1);
      nowMs += 31_000;
      await when(() => lines.length === 2);
      for (let at = 0; at < 300; at += 1) patience.over(`r${at}`);
      await when(() => JSON.stringify(said.at(-1)) === '[]');
    } finally {
      await patience.stop();
    }
  });

  it('for a result without images is in the log and in status, and gone once it goes on', async () => {
    const { log, lines } = logLines();
    await using shop = await openWorkshop({ log });
    const mend = shop.fal.faults.add({ on: 'result', kind: 'status', status: 200, body: { seed: 1 } });
    await using _work = await shop.startWorker();
    const batch = await shop.enqueueRows(ROW);
    const { status, heldBack, text } = await until(
      () => look(shop, batch),
      (seen) => seen.status.waitingFor.length > 0,
      25_000,
    );
    expect(status.waitingFor).toEqual([
      { reason: expect.stringContaining('not the shape'), requests: 1, since: expect.any(String) },
    ]);
    expect(heldBack).toMatch(/^1 request waits: /);
    expect(text).toContain('Requests that wait or are tried again:');
    expect(lines.filter(({ msg }) => msg === 'requests wait')).toHaveLength(1);
    mend();
    await shop.untilEnded(batch);
    expect((await look(shop, batch)).status.waitingFor).toEqual([]);
    expect(shop.fal.book.charged()).toHaveLength(1);
  });

  it('is no wait where the status says that the run failed, and the result nothing', async () => {
    const { log, lines } = logLines();
    await using shop = await openWorkshop({ log });
    shop.fal.faults.add({ on: 'result', kind: 'status', status: 200, body: {} });
    const words = 'Request failed with status 422';
    const body = { status: 'COMPLETED', error: words, error_type: 'content_policy_violation' };
    shop.fal.faults.add({ on: 'status', kind: 'status', status: 200, body });
    await using _work = await shop.startWorker();
    const batch = await shop.enqueueRows(ROW);
    expect((await shop.untilEnded(batch)).counts).toMatchObject({ failed: 1 });
    const [failure] = [...(await shop.shop.journal.failures(batch)).values()];
    expect(failure).toMatchObject({
      code: 'content_policy_violation',
      message: expect.stringContaining(words),
    });
    expect(lines.map(({ msg }) => msg)).toContain("fal's status says that the run failed");
    expect(shop.fal.book.charged()).toHaveLength(1);
  });

  it('for a store that lets nothing be written any more is tried again slowly, and submits nothing', async () => {
    const { log, lines } = logLines();
    await using shop = await openWorkshop({ log });
    const { store } = shop.shop;
    let denied = true;
    let tries = 0;
    const journal = new Journal({
      store: {
        ...store,
        async putOnce(key, body, options) {
          if (!denied || !key.includes('/intents/')) return await store.putOnce(key, body, options);
          tries += 1;
          throw new UserError('store_denied', 'The credentials may not write there.');
        },
      },
    });
    const { stack, config } = shop;
    const roles = new Set(['generate', 'collect'] as const);
    await using _renders = await shop.startWorker({ roles: ['schedule'] });
    await using _work = await startWork({
      shop: { ...shop.shop, journal },
      stack,
      config,
      roles,
      environment: {},
      log,
    });
    const batch = await shop.enqueueRows(ROW);
    const seen = await until(
      () => look(shop, batch),
      ({ status }) => status.waitingFor.length > 0,
      25_000,
    );
    expect(seen.status.waitingFor[0]?.reason).toBe('The credentials may not write there.');
    expect(tries).toBeLessThan(12);
    expect(shop.fal.book.entries()).toEqual([]);
    expect(lines.length).toBeLessThan(10);
    denied = false;
    expect((await shop.untilEnded(batch)).counts).toMatchObject({ delivered: 1 });
    expect(shop.fal.book.charged()).toHaveLength(1);
  });
});

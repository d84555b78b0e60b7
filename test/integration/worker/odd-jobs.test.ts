import { describe, expect, it } from '@jest/globals';
import { expectMoneyAtRest, expectPaidOnce } from '../../support/accounts.ts';
import { logLines } from '../../support/log-lines.ts';
import { openWorkshop } from '../../support/workshop.ts';

const ROWS = [0, 1, 2].map((at) => ({ id: `cup-${at}`, prompt: `a cup number ${at}` }));

describe('a job that is no JSON', () => {
  it.each(['data', 'opts'])(
    'in its %s is removed and reported once, its slot is free, and its request gets another job',
    async (field) => {
      const { log, lines } = logLines();
      // One slot: what holds it stops all.
      await using workshop = await openWorkshop({ log, settings: { FAL_CONCURRENCY: '1' } });
      const { client: redis, prefix } = workshop.redis;
      const batch = await workshop.enqueueRows(ROWS);
      const [first = ''] = await workshop.shop.queues
        .queue('generate')
        .getRanges(['prioritized'], 0, 0, true);
      expect(await redis.hset(`${prefix}:generate:${first}`, field, '{not JSON')).toBeLessThan(2);
      await workshop.startWorker();
      await workshop.untilStatus(batch, ({ counts }) => counts.delivered >= 2, 15_000);
      expect(lines.filter(({ jobId }) => jobId === first)).toMatchObject([{ queue: 'generate' }]);

      await workshop.sweep();
      await workshop.untilEnded(batch, 15_000);
      expect(await redis.exists(`${prefix}:generate:${first}`)).toBe(0);
      await expectPaidOnce(workshop, batch);
      await expectMoneyAtRest(workshop, batch);
    },
  );

  it('and that comes right after another one ended is removed as well', async () => {
    await using workshop = await openWorkshop({ settings: { FAL_CONCURRENCY: '1' } });
    const { client, prefix } = workshop.redis;
    const batch = await workshop.enqueueRows(ROWS);
    const ids = await workshop.shop.queues.queue('generate').getRanges(['prioritized'], 0, -1, true);
    await client.hset(`${prefix}:generate:${ids[1]}`, 'data', '{not JSON');
    await workshop.startWorker();
    await workshop.untilStatus(batch, ({ counts }) => counts.delivered >= 2, 15_000);
    await workshop.sweep();
    await workshop.untilEnded(batch, 15_000);
    await expectPaidOnce(workshop, batch);
  });
});

import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { startWork, type Work } from '../../../src/app/worker.ts';
import { silentLogger } from '../../../src/shared/base/log.ts';
import { systemClock } from '../../../src/shared/base/time.ts';
import { createFalHttp, type FalHttp, openFalSockets } from '../../../src/shared/fal/http.ts';
import { QUEUES, type QueueName } from '../../../src/shared/queues/jobs.ts';
import { jobIdOf } from '../../../src/shared/store/keys.ts';
import { expectLedgerIsBook, expectMoneyAtRest, expectPaidOnce } from '../../support/accounts.ts';
import { until } from '../../support/fal.ts';
import { openWorkshop, type Workshop } from '../../support/workshop.ts';

/**
 * A lost lock is told to its holder within `lockMs / 2`, and its job found stalled at the second check after it: with
 * these, in that order, and both within seconds.
 */
const TIMING = { lockMs: 2_000, stalledIntervalMs: 2_500, sweepMs: 500 } as const;

const LIMIT_MS = 20_000;

/** A whole worker, its renders in child processes as in production. */
function startWhole({ shop, stack, config }: Workshop, http?: FalHttp): Promise<Work> {
  return startWork({
    shop,
    stack,
    config,
    roles: new Set(['generate', 'collect', 'render']),
    environment: { PATH: process.env['PATH'] },
    log: silentLogger,
    random: () => 0,
    timing: TIMING,
    ...(http === undefined ? {} : { http }),
  });
}

/** How often BullMQ handed out each job of a queue, as its own stream of events tells. */
async function handedOut({ redis }: Workshop, queue: QueueName): Promise<Record<string, number>> {
  const events = await redis.client.xrange(`${redis.prefix}:${queue}:events`, '-', '+');
  const counts: Record<string, number> = {};
  for (const [, fields] of events) {
    const event = new Map(fields.flatMap((name, at) => (at % 2 === 0 ? [[name, fields[at + 1]]] : [])));
    const jobId = event.get('jobId');
    if (event.get('event') === 'active' && jobId !== undefined) counts[jobId] = (counts[jobId] ?? 0) + 1;
  }
  return counts;
}

async function deleteLock({ redis }: Workshop, queue: QueueName, jobId: string): Promise<void> {
  expect(await redis.client.del(`${redis.prefix}:${queue}:${jobId}:lock`)).toBe(1);
}

/** No job of any queue is left: whatever a cascade would run again has run. */
async function untilNoJobs({ shop }: Workshop): Promise<void> {
  for (const name of QUEUES) {
    const queue = shop.queues.queue(name);
    while (Object.values(await queue.getJobCounts()).some((count) => count > 0)) await delay(25);
  }
}

describe('one deleted lock', () => {
  it(
    'of a request whose picture is waited for causes one repeat, one POST and no more',
    async () => {
      await using workshop = await openWorkshop({ fal: { latencyMs: 1_200 } });
      const { fal, shop, redis } = workshop;
      const agent = openFalSockets();
      await using _closing = { [Symbol.asyncDispose]: () => agent.close() };
      const plain = createFalHttp({ agent, clock: systemClock });
      const looks: string[] = [];
      const cancelled: string[] = [];
      const http: FalHttp = (request) => {
        if (request.call === 'status') looks.push(request.url);
        request.signal?.addEventListener('abort', () => cancelled.push(request.call), { once: true });
        return plain(request);
      };
      // The first look at this one never ends by itself.
      fal.faults.add({
        on: 'status',
        kind: 'hang',
        times: 1,
        when: ({ input }) => input?.['prompt'] === 'a jar number 1',
      });
      const batch = await workshop.enqueueRows(
        [0, 1, 2, 3].map((at) => ({ id: `jar-${at}`, prompt: `a jar number ${at}` })),
      );
      await using worker = await startWhole(workshop, http);
      const request = `${batch}.1.0`;
      const record = await until(
        () => shop.records.read(request),
        (found) => found?.state === 'submitted',
      );
      const job = jobIdOf(request, record?.round ?? 0);
      await until(
        async () => looks,
        (urls) => urls.some((url) => url.includes(record?.requestId ?? 'none')),
      );
      expect(cancelled).toEqual([]);

      await deleteLock(workshop, 'generate', job);

      expect(await workshop.untilEnded(batch, LIMIT_MS)).toMatchObject({
        counts: { delivered: 4, failed: 0 },
      });
      await untilNoJobs(workshop);
      expect(cancelled).toEqual(['status']);
      const counts = await handedOut(workshop, 'generate');
      expect(counts).toEqual({ ...Object.fromEntries(Object.keys(counts).map((id) => [id, 1])), [job]: 2 });
      expect(Object.keys(counts)).toHaveLength(4);
      expect(fal.book.entries()).toHaveLength(4);
      await expectPaidOnce(workshop, batch);
      await expectLedgerIsBook(workshop);
      await expectMoneyAtRest(workshop, batch);
      // Of requests: the manifest of the batch that has ended may be under way, and so may the look for paid pictures.
      const locks = await redis.client.keys(`${redis.prefix}:*:lock`);
      const others = [`${redis.prefix}:endings:`, `${redis.prefix}:due:`];
      expect(locks.filter((key) => !others.some((other) => key.startsWith(other)))).toEqual([]);
      await worker[Symbol.asyncDispose]();
    },
    2 * LIMIT_MS,
  );

  it(
    'of a picture that is being rendered causes one repeat, and the first run has no say any more',
    async () => {
      await using workshop = await openWorkshop({ settings: { RENDER_CONCURRENCY: '2' } });
      const { fal, shop } = workshop;
      const batch = await workshop.enqueueRows([
        { id: 'jar', prompt: 'a jar', variants: '4', image_size: '1536x1024', recipe: 'catalog' },
      ]);
      const request = `${batch}.0.0`;
      await using worker = await startWhole(workshop);
      while (((await shop.records.read(request))?.renderStarts ?? 0) === 0) await delay(2);
      const [child] = renderChildren();
      if (child === undefined) throw new Error('no child renders');
      // In hand for as long as it takes.
      process.kill(child, 'SIGSTOP');
      const record = await shop.records.read(request);
      expect(record).toMatchObject({ state: 'rendering', renderStarts: 1 });
      const job = jobIdOf(request, record?.round ?? 0);

      await deleteLock(workshop, 'render', job);

      expect(await workshop.untilEnded(batch, LIMIT_MS)).toMatchObject({
        counts: { delivered: 1, failed: 0 },
      });
      process.kill(child, 'SIGCONT');
      // Cancelled meanwhile, it stops in the middle and ends.
      while (renderChildren().includes(child)) await delay(25);
      await untilNoJobs(workshop);
      expect(await handedOut(workshop, 'render')).toEqual({ [job]: 2 });
      expect(await shop.records.read(request)).toMatchObject({ state: 'delivered', renderStarts: 2 });
      expect(fal.book.entries()).toHaveLength(1);
      await expectPaidOnce(workshop, batch);
      await expectLedgerIsBook(workshop);
      await expectMoneyAtRest(workshop, batch);
      await worker[Symbol.asyncDispose]();
    },
    2 * LIMIT_MS,
  );
});

/** Children of this process that BullMQ started to render, the one that started first before others. */
function renderChildren(): number[] {
  const text = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8');
  return text.split(' ').filter(Boolean).map(Number).filter(isRenderChild);
}

/** Never another child, as the suite's Redis is. */
function isRenderChild(pid: number): boolean {
  try {
    return /bullmq.*main\.js/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
  } catch {
    // Gone in this moment.
    return false;
  }
}

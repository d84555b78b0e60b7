import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, jest } from '@jest/globals';
import { silentLogger } from '../../../../src/shared/base/log.ts';
import { Queues } from '../../../../src/shared/queues/queues.ts';
import type { Word } from '../../../../src/shared/requests/batches.ts';
import { NO_STOPS } from '../../../../src/shared/requests/endpoint-stops.ts';
import { type CatchUpDeps, catchUp } from '../../../../src/shared/requests/requeue.ts';
import { statusOf } from '../../../../src/shared/status/status.ts';
import { createNotice, startCatchingUp } from '../../../../src/worker/catching-up.ts';
import { type Desk, openDesk, PRICE } from '../../../support/desk.ts';
import { until } from '../../../support/fal.ts';
import { openWorkshop } from '../../../support/workshop.ts';

// Waits are for conditions; on a machine that is busy with other work they come to pass late.
jest.setTimeout(90_000);
const WAIT_MS = 60_000;

/** Batches with records and waiting jobs, and nobody who works on them. */
async function openYard() {
  const desk = await openDesk();
  const queues = new Queues({ url: desk.redis.url, prefix: desk.redis.prefix });
  const { batches, records } = desk;
  const ended: string[] = [];
  const deps: CatchUpDeps = {
    batches,
    records,
    queues,
    ended: async (batch) => {
      ended.push(batch);
    },
  };
  return {
    desk,
    deps,
    ended,
    async queue(batch: string, count: number, priority = 1_000) {
      const requests = await desk.open(batch, count);
      await queues.add(
        'generate',
        requests.map((request) => ({ request, round: 0, priority })),
      );
      await batches.complete(batch);
      return requests;
    },
    jobs: () => queues.waitingIds('generate', 'prioritized', { from: 0, count: 100_000 }),
    startCatchingUp: () =>
      startCatchingUp({
        ...deps,
        redis: desk.redis.client,
        prefix: desk.redis.prefix,
        log: silentLogger,
        everyMs: 20,
      }),
    async [Symbol.asyncDispose]() {
      await queues[Symbol.asyncDispose]();
      await desk[Symbol.asyncDispose]();
    },
  };
}

const ONE_STEP = { enough: () => true };
const isBehind = async ({ batches }: Desk, batch: string) => (await batches.behind()).has(batch);

describe('the jobs of a batch catch up with its word', () => {
  it('and are cleared from the front of the queue, past the jobs of other batches', async () => {
    await using yard = await openYard();
    await yard.queue('nightly', 300);
    await yard.queue('spring', 1_200);
    await yard.queue('other', 300);
    await yard.desk.batches.setWord('spring', 'paused');
    // The first page is of the nightly batch; the second one holds the first of ours.
    let steps = 0;
    const enough = () => {
      steps += 1;
      return steps === 4;
    };
    expect(await catchUp('spring', yard.deps, { enough })).toMatchObject({ finished: false });
    const left = await yard.jobs();
    expect(left.filter((id) => id.startsWith('nightly.'))).toHaveLength(300);
    expect(left[300]).not.toBe('spring.0.0-0');
    expect(left.length).toBeGreaterThan(600);
    expect(await isBehind(yard.desk, 'spring')).toBe(true);

    expect(await catchUp('spring', yard.deps)).toMatchObject({ finished: true });
    const kept = await yard.jobs();
    expect(kept.filter((id) => id.startsWith('spring.'))).toEqual([]);
    expect(kept).toHaveLength(600);
    expect((await yard.desk.batches.read('spring'))?.counts.planned).toBe(1_200);
    expect(await isBehind(yard.desk, 'spring')).toBe(false);
  });

  it('by the workers where the command had no patience for all of them', async () => {
    await using yard = await openYard();
    await yard.queue('spring', 1_500);
    await yard.desk.batches.setWord('spring', 'cancelled');
    expect(await catchUp('spring', yard.deps, ONE_STEP)).toMatchObject({ finished: false });
    const view = await yard.desk.batches.read('spring');
    if (view === undefined) throw new Error('the batch is gone');
    expect(view.counts.planned).toBe(1_500);
    // The word counts, not how far the records are.
    expect(statusOf(view, NO_STOPS, Date.now())).toMatchObject({
      state: 'cancelled',
      counts: { planned: 0, cancelled: 1_500 },
    });

    // Two workers, each with eyes on it.
    const workers = [yard.startCatchingUp(), yard.startCatchingUp()];
    await until(
      () => yard.desk.batches.read('spring'),
      (now) => now?.counts.cancelled === 1_500,
      WAIT_MS,
    );
    await until(
      () => isBehind(yard.desk, 'spring'),
      (behind) => !behind,
      WAIT_MS,
    );
    await Promise.all(workers.map((one) => one.stop()));
    expect(await yard.jobs()).toEqual([]);
    expect(yard.ended).toEqual(['spring']);
  });

  it('and a resumed batch has a job for each request again, the held ones too', async () => {
    await using yard = await openYard();
    const requests = await yard.queue('spring', 1_100);
    await yard.desk.batches.setWord('spring', 'paused');
    await catchUp('spring', yard.deps);
    expect(await yard.jobs()).toEqual([]);
    for (const request of requests.slice(0, 3)) await yard.desk.bring(request, 'held');
    await yard.desk.batches.setWord('spring', 'running');
    const first = await catchUp('spring', yard.deps, ONE_STEP);
    expect(first.finished).toBe(false);
    expect(first.requests).toBeGreaterThan(0);
    expect(first.requests).toBeLessThan(1_100);
    const worker = yard.startCatchingUp();
    await until(
      () => isBehind(yard.desk, 'spring'),
      (behind) => !behind,
      WAIT_MS,
    );
    await worker.stop();
    expect(await yard.jobs()).toHaveLength(1_100);
    expect((await yard.desk.batches.read('spring'))?.counts).toMatchObject({ planned: 1_100, held: 0 });
  });

  it.each([
    ['paused', 'running', 2_000],
    ['running', 'paused', 0],
    ['paused', 'cancelled', 0],
  ] as const satisfies readonly (readonly [Word, Word, number])[])(
    'where %s becomes %s in the midst',
    async (before, after, jobs) => {
      await using yard = await openYard();
      await yard.queue('spring', 2_000);
      if (before === 'running') {
        await yard.desk.batches.setWord('spring', 'paused');
        await catchUp('spring', yard.deps);
      }
      await yard.desk.batches.setWord('spring', before);
      let changed: Promise<void> | undefined;
      const enough = () => {
        changed ??= yard.desk.batches.setWord('spring', after);
        return false;
      };
      const one = await catchUp('spring', yard.deps, { enough });
      await changed;
      // Whoever began under the old word leaves it to whoever sees the new one.
      expect(one.finished).toBe(false);
      expect(await isBehind(yard.desk, 'spring')).toBe(true);
      await catchUp('spring', yard.deps);
      expect(await yard.jobs()).toHaveLength(jobs);
    },
  );

  it('also where it was paused while it was still being enqueued', async () => {
    await using yard = await openYard();
    await yard.desk.open('spring', 10);
    await yard.desk.batches.setWord('spring', 'paused');
    await catchUp('spring', yard.deps);
    expect(await isBehind(yard.desk, 'spring')).toBe(false);
    await yard.queue('spring', 10);
    expect(await isBehind(yard.desk, 'spring')).toBe(true);
    await catchUp('spring', yard.deps);
    expect(await yard.jobs()).toEqual([]);
  });

  it('and where a cap holds it as a whole', async () => {
    await using yard = await openYard();
    const [first = ''] = await yard.desk.open('spring', 5, { cap: PRICE - 1 });
    expect(await yard.desk.step('reserve', first)).toMatchObject({ code: 'held', whole: true });
    expect(await isBehind(yard.desk, 'spring')).toBe(true);
  });

  it('and forgets a batch that Redis does not hold any more', async () => {
    await using yard = await openYard();
    await yard.desk.batches.leaveBehind('gone');
    expect(await catchUp('gone', yard.deps)).toEqual({ finished: true, requests: 0 });
    expect(await isBehind(yard.desk, 'gone')).toBe(false);
  });
});

describe('a worker that turns a job away for its word', () => {
  it('has the others cleared, so that they cost no token of the rate limit', async () => {
    await using workshop = await openWorkshop({ settings: { FAL_SUBMIT_RATE: '2/s' } });
    const { batches, queues } = workshop.shop;
    const rows = Array.from({ length: 200 }, (_, at) => ({ id: `jar-${at}`, prompt: 'a jar' }));
    const batch = await workshop.enqueueRows(rows);
    await batches.setWord(batch, 'paused');
    // As if the mark had been lost: the word alone says it.
    const mark = (await batches.behind()).get(batch);
    if (mark !== undefined) await batches.caughtUp(batch, mark);
    await workshop.startWorker();
    await until(
      () => queues.queue('generate').getJobCounts('wait', 'prioritized', 'delayed'),
      (counts) => Object.values(counts).every((count) => count === 0),
      WAIT_MS,
    );
    expect(await workshop.status(batch)).toMatchObject({ state: 'paused', counts: { planned: 200 } });
    expect(workshop.fal.book.entries()).toEqual([]);
  });

  it('says so once, not for each job', async () => {
    const said: string[] = [];
    const notice = createNotice({
      batches: { leaveBehind: async (batch) => void said.push(batch) },
      log: silentLogger,
    });
    for (let at = 0; at < 50; at += 1) notice('spring');
    notice('summer');
    await delay(0);
    expect(said).toEqual(['spring', 'summer']);
  });
});

import { describe, expect, it, jest } from '@jest/globals';
import { Worker } from 'bullmq';
import { silentLogger } from '../../../src/shared/base/log.ts';
import { connectionOf, Queues } from '../../../src/shared/queues/queues.ts';
import { createFairness } from '../../../src/worker/fairness.ts';
import { openDesk } from '../../support/desk.ts';
import { until } from '../../support/fal.ts';
import { openWorkshop } from '../../support/workshop.ts';

// Waits are for conditions; on a machine that is busy with other work they come to pass late.
jest.setTimeout(90_000);
const WAIT_MS = 60_000;

/** Batches in the queue, and a worker that starts one job after the other, once it is told to. */
async function openLine({ clock = () => 0 }: { clock?: () => number } = {}) {
  const desk = await openDesk();
  const { client: redis, prefix, url } = desk.redis;
  const queues = new Queues({ url, prefix });
  const fairness = createFairness({ redis, prefix, queues, clock, log: silentLogger });
  const starts: string[] = [];
  let worker: Worker | undefined;
  return {
    desk,
    starts,
    async queue(batch: string, count: number, priority: number) {
      const requests = await desk.open(batch, count);
      await queues.add(
        'generate',
        requests.map((request) => ({ request, round: 0, priority })),
      );
    },
    raised: () => queues.waitingIds('generate', 'wait', { from: 0, count: 1_000 }),
    /** Starts of a batch among the first so many. */
    share: (batch: string, among: number) =>
      starts.slice(0, among).filter((request) => request.startsWith(`${batch}.`)).length,
    async start(count: number, onStart: (request: string) => Promise<void> = async () => undefined) {
      worker = new Worker(
        'generate',
        async ({ data }: { data: { request: string } }) => {
          // As `work.ts` does it.
          await fairness(new AbortController().signal);
          starts.push(data.request);
          await onStart(data.request);
        },
        { connection: connectionOf(url), prefix },
      );
      await until(
        async () => starts.length,
        (length) => length >= count,
        WAIT_MS,
      );
    },
    async [Symbol.asyncDispose]() {
      await worker?.close();
      await queues[Symbol.asyncDispose]();
      await desk[Symbol.asyncDispose]();
    },
  };
}

describe('priorities', () => {
  it('let ten urgent pictures pass two thousand that wait', async () => {
    await using line = await openLine();
    await line.queue('nightly', 2_000, 1_000);
    await line.queue('urgent', 10, 1);
    await line.start(12);
    expect(line.share('urgent', 11)).toBe(10);
  });

  it('leave a less urgent batch every tenth start, under a stream of urgent ones that never ends', async () => {
    await using line = await openLine();
    await line.queue('nightly', 200, 1_000);
    await line.queue('urgent', 20, 1);
    let more = 0;
    await line.start(300, async (request) => {
      if (request.startsWith('nightly')) return;
      more += 1;
      await line.queue(`urgent-${more}`, 1, 1);
    });
    expect(line.share('nightly', 300)).toBeGreaterThanOrEqual(28);
    expect(line.share('nightly', 300)).toBeLessThanOrEqual(30);
    // In its own order.
    expect(line.starts.filter((one) => one.startsWith('nightly')).slice(0, 3)).toEqual([
      'nightly.0.0',
      'nightly.1.0',
      'nightly.2.0',
    ]);
  });

  it('leave it one a minute where starts are rare', async () => {
    let now = 1_000_000;
    await using line = await openLine({ clock: () => now });
    await line.queue('nightly', 10, 1_000);
    await line.queue('urgent', 20, 1);
    await line.start(9, async () => {
      now += 21_000;
    });
    // The fourth start comes 63 seconds after the first, and the next one is for those who wait.
    expect(line.starts.slice(0, 5).map((one) => one.split('.')[0])).toEqual([
      ...Array.from({ length: 4 }, () => 'urgent'),
      'nightly',
    ]);
    expect(line.share('nightly', 9)).toBe(2);
  });

  it('give each of several less urgent ones its turn', async () => {
    await using line = await openLine();
    await line.queue('yearly', 50, 3_000);
    await line.queue('nightly', 50, 1_000);
    await line.queue('urgent', 200, 1);
    await line.start(105);
    expect(line.share('nightly', 105)).toBe(5);
    expect(line.share('yearly', 105)).toBe(5);
  });

  it('do not touch batches of the same priority, which come in their order', async () => {
    await using line = await openLine();
    await line.queue('spring', 25, 1_000);
    await line.queue('summer', 25, 1_000);
    let raised = 0;
    await line.start(50, async () => {
      raised += (await line.raised()).length;
    });
    expect(raised).toBe(0);
    expect(line.share('spring', 25)).toBe(25);
  });

  it('raise nothing of a batch that is paused', async () => {
    await using line = await openLine();
    await line.queue('paused', 50, 1_000);
    await line.queue('nightly', 50, 2_000);
    await line.queue('urgent', 50, 1);
    await line.desk.batches.setWord('paused', 'paused');
    await line.start(33);
    expect(line.share('nightly', 33)).toBe(3);
    expect(line.share('paused', 33)).toBe(0);
  });
});

describe('a worker', () => {
  it('sends some of a nightly batch while more urgent ones still wait', async () => {
    await using workshop = await openWorkshop({ settings: { FAL_CONCURRENCY: '4' } });
    const rows = (name: string, count: number) =>
      Array.from({ length: count }, (_, at) => ({ id: `${name}-${at}`, prompt: name }));
    await workshop.enqueueRows(rows('night', 10), { batch: 'nightly', priority: 1_000 });
    await workshop.enqueueRows(rows('now', 24), { batch: 'urgent', priority: 1 });
    await workshop.startWorker();
    const sent = await until(
      async () => workshop.fal.book.entries(),
      (entries) => entries.length >= 20,
      WAIT_MS,
    );
    const nightly = sent.slice(0, 20).filter(({ input }) => input['prompt'] === 'night');
    expect(nightly.length).toBeGreaterThanOrEqual(1);
    expect(nightly.length).toBeLessThanOrEqual(2);
  });
});

import { Queue } from 'bullmq';
import { connectionOf } from '../../src/shared/queues/queues.ts';
import type { Redis } from '../../src/shared/redis/redis.ts';
import { listRow } from './catalog-list.ts';

/** Nothing but the queue: no check, no plan, no record, the row itself as the job. Resolves to the time in ms. */
export async function addBare(url: string, rows: number): Promise<number> {
  const queue = new Queue('bare', { connection: connectionOf(url), prefix: '{bare}' });
  try {
    const startedAt = performance.now();
    for (let from = 0; from < rows; from += 1_000) {
      const numbers = Array.from({ length: Math.min(1_000, rows - from) }, (_, at) => from + at);
      await queue.addBulk(
        numbers.map((number) => {
          const row = listRow(number);
          return { name: 'image', data: row, opts: { jobId: row.id } };
        }),
      );
    }
    return performance.now() - startedAt;
  } finally {
    await queue.close();
  }
}

export async function usedMemory(redis: Redis): Promise<number> {
  // A rewrite of the append-only file holds buffers of its own for as long as it lasts.
  while (/aof_rewrite_(in_progress|scheduled):1/.test(await redis.info('persistence'))) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
}

/**
 * A list of 200,000 rows into a real Redis and a folder store, by the built program: how much memory it takes, how much
 * Redis holds, how fast it is beside a bare `addBulk` of as many rows.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { openRedis } from '../src/shared/redis/redis.ts';
import { addBare, usedMemory } from './support/bare-queue.ts';
import { writeList } from './support/catalog-list.ts';
import { bench } from './support/figures.ts';
import { runShotlist } from './support/program.ts';
import { benchGround } from './support/temp.ts';

const ROWS = 200_000;
const MEGABYTE = 1_000_000;

await bench('enqueue', async () => {
  await using ground = await benchGround();
  const { folder, redis: server } = ground;
  await writeList(join(folder, 'catalog.csv'), ROWS);
  const redis = await openRedis(server.url);
  try {
    const emptyBytes = await usedMemory(redis);
    const run = await runShotlist(['enqueue', 'catalog.csv', '--yes', '--json'], {
      cwd: folder,
      settings: { REDIS_URL: server.url },
    });
    const { requests } = z.object({ requests: z.int() }).parse(JSON.parse(run.stdout));
    const heldBytes = (await usedMemory(redis)) - emptyBytes;
    await redis.flushall();
    const bareEmptyBytes = await usedMemory(redis);
    const bareMs = await addBare(server.url, ROWS);
    const bareBytes = (await usedMemory(redis)) - bareEmptyBytes;
    return {
      figures: [
        {
          name: 'peak memory of enqueue',
          value: run.peakRssBytes / MEGABYTE,
          unit: 'MB',
          limit: { kind: 'below', value: 350 },
        },
        {
          name: 'Redis, a waiting request',
          value: heldBytes / requests,
          unit: 'bytes',
          limit: { kind: 'at-most', value: 1_500 },
        },
        { name: 'Redis, a job of the bare addBulk', value: bareBytes / ROWS, unit: 'bytes' },
        { name: 'enqueue', value: (ROWS / run.ms) * 1_000, unit: 'rows/s' },
        { name: 'bare addBulk', value: (ROWS / bareMs) * 1_000, unit: 'rows/s' },
        {
          name: 'enqueue against bare addBulk',
          value: bareMs / run.ms,
          unit: '×',
        },
      ],
      notes: [
        `${ROWS.toLocaleString('en')} rows, ${requests.toLocaleString('en')} requests, in ${(run.ms / 1_000).toFixed(1)} s from the start of the program to its end`,
      ],
    };
  } finally {
    redis.disconnect();
  }
});

/**
 * A list of a million rows (`-- --rows N` for fewer) into a real Redis and a folder store, by the built program: memory of
 * the dry run and of enqueue, rows a second beside a bare `addBulk` of as many, what Redis holds, and how long a person waits
 * for `status`, `pause`, `resume` and `cancel` on it while no worker runs, beside a bare Node that pings Redis.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { openRedis } from '../src/shared/redis/redis.ts';
import { addBare, usedMemory } from './support/bare-queue.ts';
import { writeList } from './support/catalog-list.ts';
import { bench, type Figure } from './support/figures.ts';
import { median } from './support/figures-page.ts';
import { livingEnvironment, runShotlist } from './support/program.ts';
import { benchGround } from './support/temp.ts';

const ROWS = rowsOf(process.argv);
const MEGABYTE = 1_000_000;
/** Each command so often; what is said is the median. */
const TIMES = 3;

await bench('size', async () => {
  await using ground = await benchGround();
  const { folder, redis: server } = ground;
  const place = { cwd: folder, settings: { REDIS_URL: server.url } };
  await writeList(join(folder, 'catalog.csv'), ROWS);
  const redis = await openRedis(server.url);
  try {
    const dry = await runShotlist(['enqueue', 'catalog.csv', '--dry-run', '--json'], place);
    const emptyBytes = await usedMemory(redis);
    const run = await runShotlist(['enqueue', 'catalog.csv', '--yes', '--json'], place);
    const { batch, requests } = z
      .object({ batch: z.string(), requests: z.int() })
      .parse(JSON.parse(run.stdout));
    const heldBytes = (await usedMemory(redis)) - emptyBytes;

    const msOf = async (...args: readonly string[]) => (await runShotlist(args, place)).ms;
    const waits: Record<string, number[]> = { status: [], pause: [], resume: [], ping: [] };
    for (let time = 0; time < TIMES; time += 1) {
      waits['ping']?.push(await barePingMs(server.url));
      waits['status']?.push(await msOf('status', batch, '--json'));
      waits['pause']?.push(await msOf('pause', batch, '--json'));
      waits['resume']?.push(await msOf('resume', batch, '--json'));
    }
    // For good, so that there is but one; the second one is the repeat.
    waits['cancel'] = [await msOf('cancel', batch, '--json')];
    await redis.flushall();
    const bareMs = await addBare(server.url, ROWS);

    return {
      figures: [
        memory('peak memory of the dry run', dry.peakRssBytes),
        memory('peak memory of enqueue', run.peakRssBytes),
        {
          name: 'enqueue against bare addBulk',
          value: bareMs / run.ms,
          unit: '×',
          limit: { kind: 'at-least', value: 0.5 },
        },
        { name: 'enqueue', value: (ROWS / run.ms) * 1_000, unit: 'rows/s' },
        { name: 'bare addBulk', value: (ROWS / bareMs) * 1_000, unit: 'rows/s' },
        {
          name: 'Redis, a waiting request',
          value: heldBytes / requests,
          unit: 'bytes',
          limit: { kind: 'at-most', value: 1_500 },
        },
        ...['status', 'pause', 'resume', 'cancel'].map((name) => answer(name, waits[name] ?? [])),
        { name: 'a bare Node that pings Redis', value: median(waits['ping'] ?? []), unit: 'ms' },
      ],
      notes: [
        `${ROWS.toLocaleString('en')} rows, ${requests.toLocaleString('en')} requests; dry run ${(dry.ms / 1_000).toFixed(1)} s, enqueue ${(run.ms / 1_000).toFixed(1)} s from the start of the program to its end`,
      ],
    };
  } finally {
    redis.disconnect();
  }
});

function memory(name: string, bytes: number): Figure {
  return { name, value: bytes / MEGABYTE, unit: 'MB', limit: { kind: 'below', value: 350 } };
}

function answer(name: string, ms: readonly number[]): Figure {
  return { name: `answer of ${name}`, value: median(ms), unit: 'ms', limit: { kind: 'below', value: 1_000 } };
}

/** From the start of a process that connects as the program does to the end of it. */
async function barePingMs(url: string): Promise<number> {
  const script = `
    const { Redis } = await import(${JSON.stringify(import.meta.resolve('ioredis'))});
    const redis = new Redis(process.env.REDIS_URL);
    await redis.ping();
    redis.disconnect();`;
  const startedAt = performance.now();
  await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], {
    env: { ...livingEnvironment(), REDIS_URL: url },
  });
  return performance.now() - startedAt;
}

function rowsOf(args: readonly string[]): number {
  const at = args.indexOf('--rows');
  if (at === -1) return 1_000_000;
  const rows = Number(args[at + 1]);
  if (!Number.isInteger(rows) || rows < 1_000) throw new Error('--rows takes a whole number from 1000 on');
  return rows;
}

/**
 * What a worker and its render children hold in memory over 2,000 pictures, and whether it grows. `--photos FOLDER` takes
 * the photographs from another place than Debian's.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { sleep, systemClock } from '../src/shared/base/time.ts';
import { openRedis } from '../src/shared/redis/redis.ts';
import { Batches } from '../src/shared/requests/batches.ts';
import { writeList } from './support/catalog-list.ts';
import { bench } from './support/figures.ts';
import { photographs } from './support/photographs.ts';
import { runShotlist } from './support/program.ts';
import { storeAsMade } from './support/stored-pictures.ts';
import { benchGround } from './support/temp.ts';

const PICTURES = 2_000;
/** So many different ones, over and over. */
const DISTINCT = 60;
const PREFIX = '{shotlist}';
const BATCH = 'bench';
const LOOK_MS = 500;
const MEGABYTE = 1_000_000;

interface Sample {
  readonly delivered: number;
  readonly bytes: number;
}

await bench('render-memory', async () => {
  const { values } = parseArgs({ options: { photos: { type: 'string' }, save: { type: 'boolean' } } });
  await using ground = await benchGround();
  const { folder, redis: server } = ground;
  const { pictures, from } = await photographs(DISTINCT, values.photos);
  await writeList(join(folder, 'catalog.csv'), PICTURES);
  await storeAsMade(folder, pictures);
  const redis = await openRedis(server.url);
  const ended = new AbortController();
  try {
    let sampling: Promise<Sample[]> = Promise.resolve([]);
    const { ms } = await runShotlist(['run', 'catalog.csv', '--batch', BATCH, '--json'], {
      cwd: folder,
      settings: {
        REDIS_URL: server.url,
        REDIS_PREFIX: PREFIX,
        RENDER_CONCURRENCY: '2',
        // Never called: every picture is made already.
        FAL_KEY: 'none',
        FAL_QUEUE_URL: 'http://127.0.0.1:9',
        FAL_API_URL: 'http://127.0.0.1:9',
      },
      onStart: (pid) => {
        sampling = sample(pid, new Batches({ redis, prefix: PREFIX, clock: systemClock }), ended.signal);
      },
    });
    ended.abort();
    const samples = await sampling;
    const early = highest(samples, PICTURES / 5, (PICTURES * 2) / 5);
    const late = highest(samples, (PICTURES * 4) / 5, PICTURES);
    return {
      figures: [
        {
          name: 'peak memory of worker and render children',
          value: highest(samples, 0, PICTURES) / MEGABYTE,
          unit: 'MB',
          limit: { kind: 'below', value: 500 },
        },
        {
          name: 'last fifth against second fifth',
          value: late / early,
          unit: '×',
          limit: { kind: 'at-most', value: 1.1 },
        },
      ],
      notes: [
        `${PICTURES.toLocaleString('en')} pictures, recipe catalog, RENDER_CONCURRENCY 2, ${(ms / 1_000).toFixed(0)} s, ${samples.length} samples; ${from}`,
      ],
    };
  } finally {
    ended.abort();
    redis.disconnect();
  }
});

function highest(samples: readonly Sample[], from: number, to: number): number {
  const within = samples.filter(({ delivered }) => delivered >= from && delivered <= to);
  if (within.length === 0) throw new Error(`no sample between ${from} and ${to} pictures`);
  return Math.max(...within.map(({ bytes }) => bytes));
}

async function sample(pid: number, batches: Batches, signal: AbortSignal): Promise<Sample[]> {
  const samples: Sample[] = [];
  while (!signal.aborted) {
    const delivered = (await batches.read(BATCH))?.counts.delivered ?? 0;
    samples.push({ delivered, bytes: await bytesOf(pid) });
    await sleep(LOOK_MS, signal).catch(() => undefined);
  }
  return samples;
}

/** Of the process and all below it. One that has just ended counts as nothing. */
async function bytesOf(pid: number): Promise<number> {
  const own = /^Pss:\s+(\d+) kB/m.exec(await textOf(`/proc/${pid}/smaps_rollup`))?.[1];
  const children = (await textOf(`/proc/${pid}/task/${pid}/children`))
    .split(' ')
    .filter((text) => text !== '');
  const below = await Promise.all(children.map((child) => bytesOf(Number(child))));
  return below.reduce((sum, bytes) => sum + bytes, Number(own ?? 0) * 1_024);
}

async function textOf(file: string): Promise<string> {
  return await readFile(file, 'utf8').catch(() => '');
}

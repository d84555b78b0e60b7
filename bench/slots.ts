/**
 * How well fal's slots are used, and how often fal is read: 160 pictures of about 1.5 s on 8 slots, by the built program
 * with the recipe that makes no renditions, with the shop's recipe (whose work then runs on the same machine), and by
 * the worker of the tutorials.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeList } from './support/catalog-list.ts';
import { bench, type Figure } from './support/figures.ts';
import type { NaiveTask } from './support/naive-main.ts';
import { livingEnvironment, runShotlist } from './support/program.ts';
import { startSimulatorProcess } from './support/simulator.ts';
import { benchGround } from './support/temp.ts';

const SLOTS = 8;
const IMAGES = 160;
const FAL = { slots: SLOTS, latencyMs: 1_500, spread: 0.2 } as const;
const WANTED_BUSY_PERCENT = 93;
const WANTED_READS = 4.5;

/** Everything by which fal is asked about a picture; submits are not among them. */
const READS = ['status', 'result', 'media', 'list'] as const;

interface Use {
  readonly busyPercent: number;
  readonly readsPerImage: number;
  readonly seconds: number;
  /** By kind, an image. */
  readonly detail: string;
}

await bench('slots', async () => {
  const original = await ofShotlist('original');
  const catalog = await ofShotlist('catalog');
  const naive = await ofNaive();
  return {
    figures: [
      ...limited('recipe original', original),
      ...limited('recipe catalog', catalog),
      { name: 'tutorial worker: slots busy', value: naive.busyPercent, unit: '%' },
      { name: 'tutorial worker: reads of fal an image', value: naive.readsPerImage, unit: '' },
      { name: 'tutorial worker: time', value: naive.seconds, unit: 's' },
      {
        name: 'slots busy, original against the tutorial worker',
        value: original.busyPercent / naive.busyPercent,
        unit: '×',
      },
      {
        name: 'reads of fal, original against the tutorial worker',
        value: original.readsPerImage / naive.readsPerImage,
        unit: '×',
      },
    ],
    notes: [`original: ${original.detail}`, `catalog: ${catalog.detail}`, `tutorial worker: ${naive.detail}`],
  };
});

function limited(of: string, { busyPercent, readsPerImage, seconds }: Use): Figure[] {
  return [
    {
      name: `${of}: slots busy`,
      value: busyPercent,
      unit: '%',
      limit: { kind: 'at-least', value: WANTED_BUSY_PERCENT },
    },
    {
      name: `${of}: reads of fal an image`,
      value: readsPerImage,
      unit: '',
      limit: { kind: 'at-most', value: WANTED_READS },
    },
    { name: `${of}: time of the whole command`, value: seconds, unit: 's' },
  ];
}

/** The whole command: a Redis and a store of its own, nothing learned of fal's latency before. */
async function ofShotlist(recipe: 'original' | 'catalog'): Promise<Use> {
  await using ground = await benchGround();
  await using simulator = await startSimulatorProcess(FAL);
  await writeList(join(ground.folder, 'catalog.csv'), IMAGES);
  const { stdout, ms } = await runShotlist(['run', 'catalog.csv', '--recipe', recipe, '--yes', '--json'], {
    cwd: ground.folder,
    settings: {
      ...simulator.settings,
      REDIS_URL: ground.redis.url,
      FAL_CONCURRENCY: String(SLOTS + 2),
      FAL_SUBMIT_RATE: '20/s',
    },
  });
  const { counts } = z.object({ counts: z.object({ delivered: z.int() }) }).parse(JSON.parse(stdout));
  if (counts.delivered !== IMAGES) throw new Error(`only ${counts.delivered} of ${IMAGES} were delivered`);
  return use(await simulator.stats(), ms);
}

async function ofNaive(): Promise<Use> {
  await using ground = await benchGround();
  await using simulator = await startSimulatorProcess(FAL);
  const folder = join(ground.folder, 'pictures');
  await mkdir(folder);
  const task: NaiveTask = {
    redisUrl: ground.redis.url,
    queueUrl: simulator.fal.queueUrl,
    key: simulator.fal.key,
    folder,
    images: IMAGES,
    concurrency: SLOTS,
  };
  const startedAt = performance.now();
  const child = fork(join(import.meta.dirname, 'support/naive-main.ts'), [JSON.stringify(task)], {
    execArgv: ['--import', import.meta.resolve('tsx')],
    env: livingEnvironment(),
    stdio: ['ignore', 2, 2, 'ipc'],
  });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`the tutorial worker ended with ${code}`);
  return use(await simulator.stats(), performance.now() - startedAt);
}

function use(
  { busy, calls }: { readonly busy: number; readonly calls: Readonly<Record<string, number>> },
  ms: number,
): Use {
  if (calls['submit'] !== IMAGES) throw new Error(`${calls['submit']} submits for ${IMAGES} images`);
  const reads = READS.map((kind) => [kind, (calls[kind] ?? 0) / IMAGES] as const);
  return {
    busyPercent: busy * 100,
    readsPerImage: reads.reduce((sum, [, count]) => sum + count, 0),
    seconds: ms / 1_000,
    detail: reads.map(([kind, count]) => `${kind} ${count.toFixed(2)}`).join(', '),
  };
}

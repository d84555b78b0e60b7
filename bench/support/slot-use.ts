import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeList } from './catalog-list.ts';
import type { NaiveTask } from './naive-main.ts';
import { livingEnvironment, runShotlist } from './program.ts';
import { type SimulatorOptions, startSimulatorProcess } from './simulator.ts';
import { benchGround } from './temp.ts';

/** Everything by which fal is asked about a picture; submits are not among them. */
const READS = ['status', 'result', 'media', 'list'] as const;

export interface Use {
  readonly busyPercent: number;
  readonly readsPerImage: number;
  readonly seconds: number;
  /** By kind, an image. */
  readonly detail: string;
}

export interface SlotTask {
  readonly fal: SimulatorOptions;
  readonly images: number;
}

/** The whole command: a Redis and a store of its own, nothing learned of fal's latency before. */
export async function ofShotlist({ fal, images }: SlotTask, recipe: 'original' | 'catalog'): Promise<Use> {
  await using ground = await benchGround();
  await using simulator = await startSimulatorProcess(fal);
  await writeList(join(ground.folder, 'catalog.csv'), images);
  const { stdout, ms } = await runShotlist(['run', 'catalog.csv', '--recipe', recipe, '--yes', '--json'], {
    cwd: ground.folder,
    settings: {
      ...simulator.settings,
      REDIS_URL: ground.redis.url,
      FAL_CONCURRENCY: String(fal.slots + 2),
      FAL_SUBMIT_RATE: '20/s',
    },
  });
  const { counts } = z.object({ counts: z.object({ delivered: z.int() }) }).parse(JSON.parse(stdout));
  if (counts.delivered !== images) throw new Error(`only ${counts.delivered} of ${images} were delivered`);
  return useOf(await simulator.stats(), images, ms);
}

/** At concurrency as high as there are slots. */
export async function ofTutorial({ fal, images }: SlotTask): Promise<Use> {
  await using ground = await benchGround();
  await using simulator = await startSimulatorProcess(fal);
  const folder = join(ground.folder, 'pictures');
  await mkdir(folder);
  const task: NaiveTask = {
    redisUrl: ground.redis.url,
    queueUrl: simulator.fal.queueUrl,
    key: simulator.fal.key,
    folder,
    images,
    concurrency: fal.slots,
  };
  const startedAt = performance.now();
  const child = fork(join(import.meta.dirname, 'naive-main.ts'), [JSON.stringify(task)], {
    execArgv: ['--import', import.meta.resolve('tsx')],
    env: livingEnvironment(),
    stdio: ['ignore', 2, 2, 'ipc'],
  });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`the tutorial worker ended with ${code}`);
  return useOf(await simulator.stats(), images, performance.now() - startedAt);
}

function useOf(
  { busy, calls }: { readonly busy: number; readonly calls: Readonly<Record<string, number>> },
  images: number,
  ms: number,
): Use {
  if (calls['submit'] !== images) throw new Error(`${calls['submit']} submits for ${images} images`);
  const reads = READS.map((kind) => [kind, (calls[kind] ?? 0) / images] as const);
  return {
    busyPercent: busy * 100,
    readsPerImage: reads.reduce((sum, [, count]) => sum + count, 0),
    seconds: ms / 1_000,
    detail: reads.map(([kind, count]) => `${kind} ${count.toFixed(2)}`).join(', '),
  };
}

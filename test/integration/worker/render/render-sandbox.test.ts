import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { Queue, Worker } from 'bullmq';
import { jobOf } from '../../../../src/shared/queues/jobs.ts';
import { connectionOf } from '../../../../src/shared/queues/queues.ts';
import { renderForkOptions } from '../../../../src/worker/render/fork-options.ts';
import { renderBackoffMs } from '../../../../src/worker/render/retry.ts';
import { opaquePicture } from '../../../support/pictures.ts';
import { testRedis } from '../../../support/redis.ts';
import { FRESH, type RenderRecord, readRecord, writeRecord } from '../../../support/render-records.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

const CHILD = join(import.meta.dirname, '../../../support/render-child.ts');
const SECONDS = 1_000;

interface Bench extends AsyncDisposable {
  readonly folder: string;
  readonly worker: Worker;
  add(...requests: readonly string[]): Promise<void>;
  addOriginal(request: string, original: Buffer): Promise<void>;
  record(request: string): RenderRecord;
  ended(request: string): Promise<RenderRecord>;
}

/** One real worker with its children over one folder of records. */
async function bench({ limitMs = 60_000, stderr = 'inherit' as 'inherit' | 'ignore' } = {}): Promise<Bench> {
  const folder = await tempFolder();
  const redis = await testRedis();
  const shared = { connection: connectionOf(redis.url), prefix: redis.prefix };
  execFileSync('mkfifo', [join(folder.path, 'pipe')]);
  const picture = await opaquePicture({ width: 300, height: 200 }, 'png');
  const queue = new Queue('render', {
    ...shared,
    defaultJobOptions: {
      removeOnComplete: true,
      removeOnFail: true,
      attempts: 1_000_000,
      stackTraceLimit: 1,
      backoff: { type: 'house' },
    },
  });
  const worker = new Worker('render', pathToFileURL(CHILD), {
    ...shared,
    concurrency: 2,
    drainDelay: 1,
    settings: {
      backoffStrategy: (attemptsMade, _type, error) => Math.min(300, renderBackoffMs(attemptsMade, error)),
    },
    workerForkOptions: {
      ...renderForkOptions({
        ...process.env,
        RENDER_TEST_FOLDER: folder.path,
        RENDER_TEST_LIMIT_MS: String(limitMs),
      }),
      // Children cannot load .ts on Node 20; the heap is kept small so that the memory case is quick.
      execArgv: ['--import', 'tsx', '--max-old-space-size=96'],
      stdio: ['ignore', stderr, stderr, 'ipc'],
    },
  });
  worker.on('error', () => undefined);
  const record = (request: string) => readRecord(folder.path, request);
  const addOriginal = async (request: string, original: Buffer) => {
    writeFileSync(join(folder.path, `${request}.original`), original);
    writeRecord(folder.path, request, FRESH);
    const { name, data, opts } = jobOf({ request, round: 0, priority: 1_000 });
    await queue.add(name, data, opts);
  };
  return {
    folder: folder.path,
    worker,
    record,
    async add(...requests) {
      for (const request of requests) await addOriginal(request, picture);
    },
    addOriginal,
    async ended(request) {
      await until(() => ['delivered', 'failed'].includes(record(request).state));
      return record(request);
    },
    async [Symbol.asyncDispose]() {
      const closed = worker.close();
      worker.cancelAllJobs('the test ends');
      await closed;
      await queue.close();
      await until(() => childrenOf(folder.path).every((pid) => !isAlive(pid)));
      await redis[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Polls a condition that only files and the process table know; the test's own time limit ends it. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(25);
}

function childrenOf(folder: string): readonly number[] {
  return readdirSync(folder)
    .flatMap((name) => /^child-(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    // No such process (or no /proc: then the first line alone decides on the next call).
    return false;
  }
}

describe('the render child', () => {
  it(
    'a picture that hangs, crashes or eats the memory ends its own request and nothing else',
    async () => {
      // V8's report of an empty heap is expected here.
      await using at = await bench({ limitMs: 3_000, stderr: 'ignore' });
      const bad = ['hang.thread-1', 'hang.loop-1', 'crash-1', 'memory-1'];
      const good = Array.from({ length: 8 }, (_, number) => `good-${number}`);
      await at.add(...bad, ...good);
      for (const request of good) {
        const { state, starts, images } = await at.ended(request);
        expect({ state, starts }).toEqual({ state: 'delivered', starts: 1 });
        expect(images[0]?.renditions.map(({ name }) => name)).toEqual(['full', '800', '400', 'thumb']);
      }
      for (const request of bad) {
        expect(await at.ended(request)).toMatchObject({
          state: 'failed',
          starts: 3,
          givenBack: 0,
          failure: {
            code: 'render_crashed',
            message: expect.stringContaining('started 2 times'),
          },
        });
        // The original is left.
        expect(readFileSync(join(at.folder, `${request}.original`)).length).toBeGreaterThan(0);
      }
    },
    90 * SECONDS,
  );

  it(
    'a store that is away four times is not held against the picture',
    async () => {
      await using at = await bench();
      await at.add('outage-1');
      expect(await at.ended('outage-1')).toMatchObject({ state: 'delivered', starts: 1, givenBack: 4 });
    },
    60 * SECONDS,
  );

  it(
    'reads no format but jpeg, png and webp, whatever a check ahead of libvips lets through',
    async () => {
      await using at = await bench();
      await at.add('loaders-1');
      expect(await at.ended('loaders-1')).toMatchObject({ state: 'delivered' });
      expect(JSON.parse(readFileSync(join(at.folder, 'loaders.json'), 'utf8'))).toEqual([
        'jpeg',
        'png',
        'webp',
      ]);
    },
    60 * SECONDS,
  );

  it(
    'a picture that is no picture fails at its first start, with the reason',
    async () => {
      await using at = await bench();
      await at.addOriginal('empty-1', Buffer.alloc(0));
      expect(await at.ended('empty-1')).toMatchObject({
        state: 'failed',
        starts: 1,
        failure: { code: 'unreadable_picture', message: expect.stringContaining('empty') },
      });
    },
    60 * SECONDS,
  );

  it(
    'a stop in the middle of a hang gives the start back and leaves no process within seconds',
    async () => {
      await using at = await bench();
      await at.add('hang.thread-1');
      await until(() => at.record('hang.thread-1').starts === 1);
      const { pid } = at.record('hang.thread-1');
      // In this order: once it closes, the worker takes no job, so neither this one again.
      const closed = at.worker.close();
      at.worker.cancelAllJobs('SIGTERM');
      await closed;
      expect(at.record('hang.thread-1')).toMatchObject({ state: 'rendering', starts: 0, givenBack: 1 });
      await until(() => !isAlive(pid));
    },
    20 * SECONDS,
  );

  it(
    'a hung render whose job was cancelled leaves no hung thread to the next job',
    async () => {
      await using at = await bench();
      await at.add('hang.thread-1');
      await until(() => at.record('hang.thread-1').starts === 1);
      const { pid } = at.record('hang.thread-1');
      // As after a lost lock: the worker goes on.
      at.worker.cancelAllJobs('lost lock');
      await until(() => !isAlive(pid));
      // Started again by another child, and as if for the first time.
      await until(() => at.record('hang.thread-1').starts === 1 && at.record('hang.thread-1').pid !== pid);
      await at.add('good-1');
      expect(await at.ended('good-1')).toMatchObject({ state: 'delivered', starts: 1 });
    },
    20 * SECONDS,
  );
});

it(
  'a child whose worker was killed gives its start back and ends, though its thread hangs',
  async () => {
    await using folder = await tempFolder();
    execFileSync('mkfifo', [join(folder.path, 'pipe')]);
    writeRecord(folder.path, 'hang.thread-1', FRESH);
    // BullMQ's own child, with this test in the worker's place.
    const main = join(import.meta.dirname, '../../../../node_modules/bullmq/dist/cjs/classes/main.js');
    const child = fork(main, [], {
      ...renderForkOptions({ ...process.env, RENDER_TEST_FOLDER: folder.path }),
      execArgv: ['--import', 'tsx'],
    });
    const exited = once(child, 'exit');
    child.send({ cmd: 0, value: pathToFileURL(CHILD).href });
    await once(child, 'message');
    child.send({ cmd: 1, job: { id: '1', data: '{"v":1,"request":"hang.thread-1"}', opts: {} }, token: 't' });
    await until(() => readRecord(folder.path, 'hang.thread-1').starts === 1);
    child.disconnect();
    await exited;
    expect(readRecord(folder.path, 'hang.thread-1')).toMatchObject({ starts: 0, givenBack: 1 });
  },
  20 * SECONDS,
);

import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Stack } from '../../src/app/connections.ts';
import { openShop } from '../../src/app/open-services.ts';
import { startWork, type Work } from '../../src/app/worker.ts';
import type { FalSimulator, FalSimulatorOptions } from '../../src/local/fal/simulator.ts';
import type { OperationsDeps } from '../../src/operations/batches.ts';
import type { Shop } from '../../src/operations/services.ts';
import { type EnqueueOptions, enqueue } from '../../src/producer/enqueue.ts';
import { createMade } from '../../src/producer/plan/existing.ts';
import { planList } from '../../src/producer/plan/plan.ts';
import { ProofSample, rowsOfProof } from '../../src/producer/plan/proof.ts';
import type { ListOptions } from '../../src/producer/shots/options.ts';
import type { Role } from '../../src/shared/base/choices.ts';
import { type Config, type Environment, readConfig } from '../../src/shared/base/config.ts';
import { Closers } from '../../src/shared/base/disposables.ts';
import { createLogger, type Logger, silentLogger } from '../../src/shared/base/log.ts';
import { systemClock } from '../../src/shared/base/time.ts';
import { defaultRegistry } from '../../src/shared/models/registry.ts';
import { DEFAULT_PRIORITY } from '../../src/shared/queues/jobs.ts';
import { catchUp } from '../../src/shared/requests/requeue.ts';
import { readStatus } from '../../src/shared/status/read-status.ts';
import type { BatchStatus } from '../../src/shared/status/status.ts';
import { createTakesOfPlan, Takes } from '../../src/shared/takes/takes.ts';
import { sweep } from '../../src/worker/sweep.ts';
import { TIMING } from '../../src/worker/workers.ts';
import { testFal } from './fal.ts';
import { type TestRedis, testRedis } from './redis.ts';
import { startRendering } from './rendering.ts';
import { tempFolder } from './temp-folder.ts';

/** A row of a list; columns that are left out take their defaults. */
export type Row = Readonly<Record<string, string>>;

export interface WorkshopOptions {
  readonly fal?: FalSimulatorOptions;
  /** Over the workshop's own: 8 in flight, no limit on submits. */
  readonly settings?: Environment;
  /** Another than the run's own: one that a test breaks. */
  readonly redis?: TestRedis;
  /** Default: silent. */
  readonly log?: Logger;
  /** How long after its intent a POST may still leave; default: the product's own half minute. */
  readonly postWindowMs?: number;
  /** Default: a folder of its own. */
  readonly store?: Stack['store'];
}

export interface WorkerOptions {
  /** Default: generate and collect. */
  readonly roles?: readonly Role[];
  readonly postWindowMs?: number;
  /** Over those of the workshop: a setting that was mended, or not. */
  readonly mediaHosts?: readonly string[];
  /** How often it sweeps, and looks for what is due; default: the product's own minute. */
  readonly sweepMs?: number;
}

/** The whole shop in one process: real Redis, a folder store, fal's simulator, and workers as many as a test starts. */
export interface Workshop extends AsyncDisposable {
  readonly redis: TestRedis;
  readonly fal: FalSimulator;
  readonly config: Config;
  readonly stack: Stack;
  readonly shop: Shop;
  /** Plans and queues rows the way `enqueue` does; resolves to the batch's id. */
  enqueueRows(
    rows: readonly Row[],
    options?: Partial<Pick<EnqueueOptions, 'batch' | 'cap' | 'priority' | 'onDone' | 'regenerate'>> & {
      list?: ListOptions;
      /** Rows that are made first; the others wait for a person's word. */
      proof?: number;
    },
  ): Promise<string>;
  /** A worker of its own, over its own Redis connections; renditions are made by one of the workshop's own. */
  startWorker(options?: WorkerOptions): Promise<Work>;
  status(batch: string): Promise<BatchStatus>;
  /** Reads the status until it fits; rejects with what was read last when it does not within `limitMs`. */
  untilStatus(batch: string, fits: (status: BatchStatus) => boolean, limitMs?: number): Promise<BatchStatus>;
  /** Until nothing is left to do. */
  untilEnded(batch: string, limitMs?: number): Promise<BatchStatus>;
  /** What a person's pause and resume act on. */
  readonly operations: OperationsDeps;
  /** Gives jobs to whatever has none, as each worker does once a minute. */
  sweep(): Promise<number>;
}

export async function openWorkshop(options: WorkshopOptions = {}): Promise<Workshop> {
  const closers = new Closers();
  try {
    const redis = closers.use(options.redis ?? (await testRedis()));
    const folder = closers.use(await tempFolder());
    const fal = closers.use(await testFal({ slots: 8, ...options.fal }));
    const config = readConfig({
      FAL_KEY: fal.key,
      FAL_QUEUE_URL: fal.queueUrl,
      FAL_API_URL: fal.apiUrl,
      FAL_MEDIA_HOSTS: fal.mediaHosts.join(','),
      FAL_CONCURRENCY: '8',
      FAL_SUBMIT_RATE: '1000/s',
      REDIS_URL: redis.url,
      REDIS_PREFIX: redis.prefix,
      // The one that ships changes with the day.
      DEFAULT_MODEL: 'gpt-image-1-mini',
      ...options.settings,
    });
    const stack = stackOf(config, options.store ?? { kind: 'folder', folder: `${folder.path}/store` });
    const log = options.log ?? logOf(process.env['TEST_LOG']);
    const shop = closers.use(await openShop(stack, config, log, { onDemoted: 'resend' }));
    const parts = { redis, fal, config, stack, shop, log, spoolFolder: folder.path };
    return workshopOf(parts, closers, options);
  } catch (error) {
    await closers[Symbol.asyncDispose]();
    throw error;
  }
}

const PAYING: readonly Role[] = ['generate', 'collect'];

interface Parts {
  readonly redis: TestRedis;
  readonly fal: FalSimulator;
  readonly config: Config;
  readonly stack: Stack;
  readonly shop: Shop;
  readonly log: Logger;
  readonly spoolFolder: string;
}

function workshopOf(parts: Parts, closers: Closers, options: WorkshopOptions): Workshop {
  const { redis, fal, config, stack, shop, log } = parts;
  const add = shop.queues.add.bind(shop.queues);
  let rendering: Promise<void> | undefined;

  async function status(batch: string): Promise<BatchStatus> {
    const found = await readStatus(shop, batch);
    if (found === undefined) throw new Error(`there is no batch ${batch}`);
    return found;
  }

  async function untilStatus(
    batch: string,
    fits: (status: BatchStatus) => boolean,
    limitMs = 60_000,
  ): Promise<BatchStatus> {
    const deadlineMs = performance.now() + limitMs;
    for (;;) {
      const found = await status(batch);
      if (fits(found)) return found;
      if (performance.now() > deadlineMs) throw new Error(`never came to pass: ${JSON.stringify(found)}`);
      await delay(15);
    }
  }

  return {
    redis,
    fal,
    config,
    stack,
    shop,
    status,
    untilStatus,
    untilEnded: (batch, limitMs) =>
      untilStatus(batch, ({ state }) => state === 'done' || state === 'cancelled', limitMs),
    enqueueRows: (rows, { list, proof, ...more } = {}) => enqueueRows(parts, rows, { list, proof }, more),

    async startWorker({ roles = PAYING, postWindowMs = options.postWindowMs, mediaHosts, sweepMs } = {}) {
      rendering ??= startRendering({ ...parts, prefix: redis.prefix, url: redis.url }).then((renderer) => {
        closers.use(renderer);
      });
      await rendering;
      const work = await startWork({
        shop,
        stack: mediaHosts === undefined ? stack : { ...stack, fal: { ...stack.fal, mediaHosts } },
        config,
        roles: new Set(roles),
        environment: {},
        log,
        // Back-offs at their shortest: what is waited for is the outcome.
        random: () => 0,
        ...(postWindowMs === undefined ? {} : { postWindowMs }),
        ...(sweepMs === undefined ? {} : { timing: { ...TIMING, sweepMs } }),
      });
      return closers.use(once(work));
    },

    operations: {
      batches: shop.batches,
      endpointStops: shop.endpointStops,
      journal: shop.journal,
      pauseSubmits: () => shop.queues.pauseGenerate(),
      resumeSubmits: () => shop.queues.resumeGenerate(),
      catchUp: (batch) => catchUp(batch, shop),
      eventId: () => randomBytes(6).toString('hex'),
      clock: systemClock,
    },
    sweep: () => sweep({ ...shop, prefix: redis.prefix, add, log }),
    [Symbol.asyncDispose]: () => closers[Symbol.asyncDispose](),
  };
}

async function enqueueRows(
  { shop, spoolFolder }: Parts,
  rows: readonly Row[],
  { list = { inputs: {} }, proof }: { list: ListOptions | undefined; proof: number | undefined },
  options: Partial<Pick<EnqueueOptions, 'batch' | 'cap' | 'priority' | 'onDone' | 'regenerate'>>,
): Promise<string> {
  const name = 'test.csv';
  const sample = proof === undefined ? undefined : new ProofSample(proof);
  await using plan = await planList({
    rows: inOrder(rows),
    listName: name,
    options: { recipe: 'original', ...list },
    registry: defaultRegistry(),
    defaultModel: defaultRegistry().get('gpt-image-1-mini'),
    recipes: new Set(['original', 'catalog']),
    ...(await createMade(shop.store)),
    takes: createTakesOfPlan(await Takes.load(shop), shop.store),
    hashOf: async () => '',
    spoolFolder,
    ...(sample === undefined ? {} : { sample }),
    clock: systemClock,
  });
  const { batch } = await enqueue(
    plan,
    {
      batch: undefined,
      cap: undefined,
      priority: DEFAULT_PRIORITY,
      ...options,
      listName: name,
      simulated: true,
      proof: rowsOfProof(sample?.chosen()),
    },
    { ...shop, add: shop.queues.add.bind(shop.queues), clock: systemClock },
  );
  return batch;
}

async function* inOrder(rows: readonly Row[]) {
  for (const [at, columns] of rows.entries()) yield { line: at + 2, columns };
}

function stackOf(config: Config, store: Stack['store']): Stack {
  return {
    redisUrl: config.redis.url,
    prefix: config.redis.prefix,
    store,
    fal: config.fal,
    simulated: true,
    secrets: [],
    notes: [],
    lost: undefined,
    [Symbol.asyncDispose]: async () => {},
  };
}

/** A test that stops a worker in its midst leaves the second stop to the end of the scope. */
function once(work: Work): Work {
  let closing: Promise<void> | undefined;
  return {
    running: () => work.running(),
    redisFaults: () => work.redisFaults(),
    async [Symbol.asyncDispose]() {
      closing ??= Promise.resolve(work[Symbol.asyncDispose]());
      await closing;
    },
  };
}

/** `TEST_LOG=debug` shows what the workers say, for whoever looks for a fault. */
function logOf(level: string | undefined): Logger {
  return level === undefined ? silentLogger : createLogger({ level, format: 'json', fd: 2, secrets: [] });
}

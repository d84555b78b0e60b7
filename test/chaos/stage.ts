import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import {
  type FalSimulator,
  type FalSimulatorOptions,
  startFalSimulator,
} from '../../src/local/fal/simulator.ts';
import type { Environment } from '../../src/shared/base/config.ts';
import { Closers } from '../../src/shared/base/disposables.ts';
import { silentLogger } from '../../src/shared/base/log.ts';
import { systemClock } from '../../src/shared/base/time.ts';
import { Journal } from '../../src/shared/journal/journal.ts';
import { Batches } from '../../src/shared/requests/batches.ts';
import { openFolderStore } from '../../src/shared/store/folder/store.ts';
import type { ObjectStore } from '../../src/shared/store/object-store.ts';
import { startChaosWorker } from './chaos-worker.ts';
import { openOperator } from './operator.ts';
import type { Tap } from './points.ts';
import { type ChaosProcess, startProcess } from './processes.ts';
import type { OperatorSpec, ProcessSpec, ProducerSpec } from './spec.ts';

export interface StageOptions {
  /** Where the processes find Redis; a proxy may stand between. */
  readonly redisUrl: string;
  /** Where the harness finds it, whatever stands between for the others. */
  readonly directRedisUrl?: string;
  readonly fal?: FalSimulatorOptions;
  readonly dailyCapMicroUsd?: number;
  readonly postWindowMs?: number;
  readonly render?: ProcessSpec['render'];
  /** Instead of those of the harness. */
  readonly settings?: Environment;
}

/** What happened outside of the program: fal's book, the store, Redis; and how to start processes on it. */
export interface Stage extends AsyncDisposable {
  readonly folder: string;
  readonly prefix: string;
  readonly fal: FalSimulator;
  /** The prompts of all POSTs that arrived at fal, accepted or not. */
  readonly posts: readonly string[];
  /** Of them, what others asked for with the same key: no intent is due for those. */
  readonly strange: string[];
  readonly redis: Redis;
  readonly store: ObjectStore;
  readonly journal: Journal;
  readonly batches: Batches;
  spec(more?: Partial<ProcessSpec>): ProcessSpec;
  startProcess(kind: 'worker', more?: Partial<ProcessSpec>): Promise<ChaosProcess>;
  startProcess(
    kind: 'producer',
    more: Partial<ProcessSpec> & Pick<ProducerSpec, 'list' | 'operations'>,
  ): Promise<ChaosProcess>;
  startProcess(
    kind: 'operator',
    more: Partial<ProcessSpec> & Omit<OperatorSpec, keyof ProcessSpec>,
  ): Promise<ChaosProcess>;
  /** Takes away whatever Redis has of this stage, or what is called so: `FLUSHALL`, or a time to live that is over. */
  forget(pattern?: string): Promise<void>;
  /** A person who lifts every stop of all submits soon after it was made. */
  startLifting(): Promise<AsyncDisposable>;
  /** A worker in this process, which nothing happens to. */
  startHealthy(tap?: Tap): Promise<AsyncDisposable>;
}

/** A POST left within the window, and the longest run and the list's lag, fit into these with room for a busy machine. */
const START_TIMEOUT_S = 2;
const UNKNOWN_MARGIN_S = 2;
/** A paid picture that cannot be had is looked for at 0, 1 and 3 s. */
const MEDIA_PATIENCE_S = 3;
const POST_WINDOW_MS = 500;
const LIFT_EVERY_MS = 500;

export async function openStage(options: StageOptions): Promise<Stage> {
  const closers = new Closers();
  try {
    const folder = await mkdtemp(join(tmpdir(), 'shotlist-chaos-'));
    closers.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
    const posts: string[] = [];
    const strange: string[] = [];
    const fal = closers.use(
      await startFalSimulator({
        slots: 8,
        latencyMs: 40,
        pictures: 'plain',
        ...(options.dailyCapMicroUsd === undefined ? {} : { cap: options.dailyCapMicroUsd }),
        // What somebody else spends is on no cap of ours.
        capCounts: (input) => !strange.includes(String(input['prompt'])),
        ...options.fal,
      }),
    );
    fal.faults.add({
      on: 'submit',
      kind: 'reset',
      // Never strikes: it is asked at each POST, before any other fault is looked at.
      when: ({ input }) => {
        posts.push(String(input?.['prompt']));
        return false;
      },
    });
    const prefix = `{chaos-${randomBytes(6).toString('hex')}}`;
    const redis = new Redis(options.directRedisUrl ?? options.redisUrl, { maxRetriesPerRequest: null });
    redis.on('error', () => undefined);
    closers.defer(async () => {
      await deleteKeys(redis, prefix).catch(() => undefined);
      redis.disconnect();
    });
    const storeFolder = join(folder, 'store');
    const store = closers.use(await openFolderStore({ folder: storeFolder }));

    const spec = (more: Partial<ProcessSpec> = {}): ProcessSpec => ({
      settings: {
        FAL_KEY: fal.key,
        FAL_ADMIN_KEY: fal.adminKey,
        FAL_QUEUE_URL: fal.queueUrl,
        FAL_API_URL: fal.apiUrl,
        FAL_MEDIA_HOSTS: fal.mediaHosts.join(','),
        MEDIA_PATIENCE_S: String(MEDIA_PATIENCE_S),
        FAL_CONCURRENCY: '8',
        FAL_SUBMIT_RATE: '1000/s',
        FAL_START_TIMEOUT_S: String(START_TIMEOUT_S),
        FAL_UNKNOWN_MARGIN_S: String(UNKNOWN_MARGIN_S),
        REDIS_URL: options.redisUrl,
        REDIS_PREFIX: prefix,
        RENDER_CONCURRENCY: '1',
        ...(options.dailyCapMicroUsd === undefined
          ? {}
          : { DAILY_CAP_USD: String(options.dailyCapMicroUsd / 1_000_000) }),
        ...options.settings,
      },
      storeFolder,
      deaths: [],
      render: options.render ?? 'inline',
      postWindowMs: options.postWindowMs ?? POST_WINDOW_MS,
      ...more,
    });
    const directSettings = () => ({
      ...spec().settings,
      REDIS_URL: options.directRedisUrl ?? options.redisUrl,
    });
    let started = 0;
    return {
      folder,
      prefix,
      fal,
      posts,
      strange,
      redis,
      store,
      journal: new Journal({ store }),
      batches: new Batches({ redis, prefix, clock: systemClock }),
      spec,
      async startProcess(kind, more = {}) {
        started += 1;
        const logFile = join(folder, `${kind}-${started}.log`);
        return closers.use(await startProcess(kind, spec(more), logFile));
      },
      async forget(pattern = ':*') {
        // In one step, as Redis forgets.
        const script = "for _, key in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('DEL', key) end";
        await redis.eval(script, 0, prefix + pattern);
      },
      async startLifting() {
        const operator = closers.use(await openOperator(spec({ settings: directSettings() })));
        const batches = new Batches({ redis, prefix, clock: systemClock });
        let current: Promise<unknown> = Promise.resolve();
        const timer = setInterval(() => {
          current = current
            .then(async () => ((await batches.stopped()) === undefined ? undefined : operator.resumeAll()))
            .catch(() => undefined);
        }, LIFT_EVERY_MS);
        return closers.use({
          async [Symbol.asyncDispose]() {
            clearInterval(timer);
            await current;
          },
        });
      },
      async startHealthy(tap = (_name, effect) => effect()) {
        let closing: Promise<void> | undefined;
        const worker = await startChaosWorker(spec(), tap, silentLogger);
        return closers.use({
          [Symbol.asyncDispose]: () => {
            closing ??= Promise.resolve(worker[Symbol.asyncDispose]());
            return closing;
          },
        });
      },
      [Symbol.asyncDispose]: () => closers[Symbol.asyncDispose](),
    };
  } catch (error) {
    await closers[Symbol.asyncDispose]();
    throw error;
  }
}

async function deleteKeys(redis: Redis, prefix: string): Promise<void> {
  let cursor = '0';
  do {
    const [next, keys] = await redis.scan(cursor, 'MATCH', `${prefix}*`, 'COUNT', 1_000);
    if (keys.length > 0) await redis.unlink(keys);
    cursor = next;
  } while (cursor !== '0');
}

import { DelayedError, type Job, UnrecoverableError, type Worker, type WorkerOptions } from 'bullmq';
import { messageOf, UnavailableError } from '../shared/base/errors.ts';
import { Later } from '../shared/base/later.ts';
import type { Logger } from '../shared/base/log.ts';
import { backoffMs, settlesWithin } from '../shared/base/time.ts';
import { createVoice } from '../shared/base/voice.ts';
import { ENDINGS, parseEnding } from '../shared/queues/completion-queue.ts';
import { parsePayload, type QueueName } from '../shared/queues/jobs.ts';
import { connectionOf, reconnect } from '../shared/queues/queues.ts';
import { parseScheduleJob, repeatSettings, SCHEDULE_QUEUE } from '../shared/queues/schedule-queue.ts';
import { redisRefusal, refusalSentence } from '../shared/redis/refusals.ts';
import { parseRequestKey } from '../shared/store/keys.ts';
import { BrakedWorker } from './braked-worker.ts';
import type { EndingStep } from './completion/completion.ts';
import { WebhookError, webhookBackoffMs } from './completion/webhook.ts';
import type { Patience } from './patience.ts';
import { renderForkOptions } from './render/fork-options.ts';
import { renderBackoffMs } from './render/retry.ts';
import { RenderWorker } from './render-pool.ts';

/** One request, one step; the signal aborts at shutdown and when the job's lock is lost. */
export type Step = (request: string, signal: AbortSignal) => Promise<void>;

/** One due time of one schedule. */
export type ScheduleStep = (
  ring: { readonly name: string; readonly dueMs: number; readonly isRepeat: boolean },
  signal: AbortSignal,
) => Promise<void>;

export interface WorkersDeps {
  readonly endings: { readonly step: EndingStep; readonly concurrency: number } | undefined;
  readonly url: string;
  readonly prefix: string;
  readonly generate: { readonly step: Step; readonly concurrency: number } | undefined;
  readonly collect: { readonly step: Step; readonly concurrency: number } | undefined;
  readonly render:
    | {
        readonly file: URL;
        readonly environment: Readonly<Record<string, string>>;
        readonly execArgv: readonly string[];
        readonly concurrency: number;
      }
    | undefined;
  /** What is done when a schedule is due; the signal aborts at shutdown. */
  readonly schedule?: ScheduleStep | undefined;
  /** Hears of each error of a queue's worker beside its jobs'; never rejects. Default: nobody. */
  readonly onError?: (queue: string, error: Error) => Promise<void>;
  /** What waits and why; default: nobody asks. */
  readonly patience?: Patience;
  readonly log: Logger;
  /** Default: `TIMING`. */
  readonly timing?: Timing;
}

/**
 * How long a dead worker's jobs stay locked. BullMQ finds them at the first tick of the stalled interval after it, so
 * both are equal everywhere (MEASURED.md). The interval is no shorter than the lock: a lock that is lost is then told
 * to the run in hand before its job is given out again.
 */
export const TIMING = { lockMs: 15_000, stalledIntervalMs: 15_000 } as const satisfies Timing;

export interface Timing {
  readonly lockMs: number;
  readonly stalledIntervalMs: number;
}

/** A job in hand is given this long to park when the process is told to stop. */
const PARK_MS = 1_400;
/** And BullMQ this long for what is left to do, once the render children are dead. */
const AFTERWARDS_MS = 200;

export interface Workers {
  /** Takes no more jobs, parks those in hand, and closes; at most about 2 seconds. */
  close(): Promise<void>;
  /** Whether each worker is running: for `/readyz`. */
  running(): boolean;
  /** What Redis refused a worker within the last seconds, as sentences. */
  refusals(): readonly string[];
  /** Makes the connections again that lead to a server that is not the primary any more. */
  reconnect(): void;
}

export function startWorkers(deps: WorkersDeps): Workers {
  const { log, patience = NOBODY, timing = TIMING } = deps;
  const clock = () => performance.now();
  const voice = createVoice({ log, clock });
  const refusals = new Map<string, number>();
  const common = {
    connection: connectionOf(deps.url),
    prefix: deps.prefix,
    lockDuration: timing.lockMs,
    stalledInterval: timing.stalledIntervalMs,
    // A stall must never end a request that may have been paid for: the record counts what is to be counted.
    maxStalledCount: 1_000_000,
    settings: { backoffStrategy: houseBackoffMs },
  } satisfies WorkerOptions;

  const workers: Worker[] = [];
  const say: Say = (job, why, forMs) => {
    const batch = batchOf(job);
    if (batch !== undefined) patience.waits({ batch, who: whoOf(job), why, forMs });
  };
  const start = (
    name: QueueName | typeof ENDINGS | typeof SCHEDULE_QUEUE,
    worker: Worker,
    onFailed = (job: Job | undefined, error: Error) =>
      voice.say(
        'error',
        `${name} failed ${error.message}`,
        { queue: name, jobId: job?.id, error: error.message },
        'step broke off; it is tried again',
      ),
  ) => {
    worker.on('error', (error) => {
      void deps.onError?.(name, error);
      const refusal = redisRefusal(error);
      const told = refusal === undefined ? messageOf(error) : refusalSentence(refusal);
      if (refusal !== undefined) refusals.set(told, clock());
      voice.say('warn', `${name} error ${told}`, { queue: name, error: told }, 'worker error');
    });
    worker.on('failed', (job, error) => {
      if (job !== undefined && job.finishedOn === undefined) say(job, `${name}: ${error.message}`, 60_000);
    });
    worker.on('completed', (job) => patience.over(whoOf(job)));
    worker.on('failed', onFailed);
    // One lost lock can cascade (MEASURED.md): whoever has it in hand stops.
    worker.on('lockRenewalFailed', (jobIds) => {
      for (const jobId of jobIds) worker.cancelJob(jobId, 'the lock is lost');
    });
    workers.push(worker);
  };

  for (const name of ['generate', 'collect'] as const) {
    const given = deps[name];
    if (given === undefined) continue;
    const { step, concurrency } = given;
    start(name, new BrakedWorker(name, processorOf(requestOf, step, say), { ...common, concurrency }));
  }
  if (deps.render !== undefined) {
    const { file, environment, execArgv, concurrency } = deps.render;
    const options: WorkerOptions = {
      ...common,
      concurrency,
      workerForkOptions: { ...renderForkOptions(environment), execArgv: [...execArgv] },
      settings: { backoffStrategy: (attemptsMade, _type, error) => renderBackoffMs(attemptsMade, error) },
    };
    start('render', new RenderWorker('render', file, options));
  }

  if (deps.endings !== undefined) {
    const { step, concurrency } = deps.endings;
    const settings = {
      backoffStrategy: (attemptsMade: number, type?: string) =>
        type === 'webhook' ? webhookBackoffMs(attemptsMade, Math.random) : houseBackoffMs(attemptsMade),
    };
    const worker = new BrakedWorker(ENDINGS, processorOf(parseEnding, step, say), {
      ...common,
      concurrency,
      settings,
    });
    start(ENDINGS, worker, (job, error) => {
      const about = { jobId: job?.id, attempt: job?.attemptsMade, error: error.message };
      if (job?.finishedOn === undefined) log.warn(about, 'what follows the end broke off; it is tried again');
      else log.error(about, 'webhook given up');
    });
  }
  if (deps.schedule !== undefined) {
    const settings = { ...common.settings, ...repeatSettings };
    start(
      SCHEDULE_QUEUE,
      new BrakedWorker(SCHEDULE_QUEUE, processorOf(ringOf, deps.schedule, say), { ...common, settings }),
    );
  }

  return {
    running: () => workers.every((worker) => worker.isRunning()),
    refusals: () =>
      [...refusals].filter(([, atMs]) => clock() - atMs < REFUSED_MS).map(([sentence]) => sentence),
    reconnect() {
      for (const worker of workers) reconnect(worker);
    },
    close: async () => {
      await Promise.all(workers.map((worker) => stop(worker, log)));
    },
  };
}

/** Resolves in at most `PARK_MS` and a little more: with Redis away or a child that hangs, too. */
async function stop(worker: Worker, log: Logger): Promise<void> {
  // In this order: no further job is taken, and those in hand are told to park.
  const closed = worker.close().catch((error: unknown) => {
    log.warn({ queue: worker.name, error: messageOf(error) }, 'worker closed badly');
  });
  const cancel = () => worker.cancelAllJobs('the worker stops');
  cancel();
  // One that was being fetched just now starts after that.
  const again = setInterval(cancel, 50);
  const parked = await settlesWithin(closed, PARK_MS);
  clearInterval(again);
  if (parked) return;
  // A second `close(true)` would only wait for the first, so what hangs is ended from here. Its job is found by
  // another worker once the lock is over.
  log.warn({ queue: worker.name }, 'a job did not park in time');
  if (worker instanceof RenderWorker) worker.killChildren();
  if (await settlesWithin(closed, AFTERWARDS_MS)) return;
  abandon(worker);
}

/**
 * For a worker that cannot close: no timer and no socket of it keeps the process alive. Awaits nothing, since a
 * connection that is away never says that it has ended; `worker.disconnect` would wait for the first for ever.
 */
function abandon(worker: Worker): void {
  worker['lockManager'].close().catch(() => undefined);
  worker['stalledCheckStopper']?.();
  const { connection, blockingConnection } = worker['backend'];
  for (const each of [connection, blockingConnection]) each?.disconnect(false).catch(() => undefined);
}

/** Some tries of a worker's fetch later, what does not come again is over. */
const REFUSED_MS = 3_000;

const NOBODY: Patience = { waits: () => undefined, over: () => undefined };

/** Told of a job that comes back, why, and after how long. */
type Say = (job: Job, why: string, forMs: number) => void;

/** Jobs of requests and of what follows an end belong to a batch. */
function batchOf(job: Job | undefined): string | undefined {
  const data: unknown = job?.data;
  if (typeof data !== 'object' || data === null) return undefined;
  if ('request' in data) return parseRequestKey(String(data.request))?.batch;
  return 'batch' in data ? String(data.batch) : undefined;
}

function whoOf(job: Job): string {
  return `${job.queueName} ${job.id}`;
}

/** The one place that translates what a step says into BullMQ's terms. */
function processorOf<T>(
  parse: (data: unknown, job: Job) => T | 'newer' | undefined,
  step: (payload: T, signal: AbortSignal) => Promise<void>,
  say: Say,
) {
  // BullMQ hands the signal only to a function that declares three parameters.
  return async (job: Job, token: string | undefined, signal: AbortSignal | undefined): Promise<void> => {
    const payload = parse(job.data, job);
    if (payload === undefined) throw new UnrecoverableError('the job carries nothing that is known here');
    const later = async (delayMs: number): Promise<never> => {
      await job.moveToDelayed(Date.now() + Math.ceil(delayMs), token);
      throw new DelayedError();
    };
    // Written by a later release during a rolling deploy: left for a worker that understands it.
    if (payload === 'newer') {
      say(job, 'its job was written by a newer release; start a worker of that release', 30_000);
      return await later(30_000);
    }
    const until = signal ?? new AbortController().signal;
    try {
      await step(payload, until);
    } catch (error) {
      if (until.aborted) return await later(50);
      if (error instanceof Later) {
        say(job, error.message, error.delayMs);
        return await later(error.delayMs);
      }
      if (error instanceof UnavailableError) {
        const ms =
          1_000 +
          backoffMs(Math.min(job.attemptsStarted, 5), { baseMs: 500, capMs: 15_000, random: Math.random });
        say(job, error.message, ms);
        return await later(ms);
      }
      if (error instanceof WebhookError && error.final) throw new UnrecoverableError(error.message);
      throw error;
    }
  };
}

function requestOf(data: unknown): string | 'newer' | undefined {
  const payload = parsePayload(data);
  return typeof payload === 'object' ? payload.request : payload;
}

function ringOf(data: unknown, { opts, attemptsStarted }: Job): Parameters<ScheduleStep>[0] | undefined {
  const call = parseScheduleJob(data, opts.prevMillis);
  return call === undefined ? undefined : { ...call, isRepeat: attemptsStarted > 1 };
}

/** For faults of the house itself (a bug, a lost Redis): never given up, at most once a minute. */
function houseBackoffMs(attemptsMade: number): number {
  return 1_000 + backoffMs(Math.min(attemptsMade, 6), { baseMs: 1_000, capMs: 60_000, random: Math.random });
}

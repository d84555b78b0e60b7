import { type ConnectionOptions, type Job, Queue, type Worker } from 'bullmq';
import pMap from 'p-map';
import type { Config } from '../base/config.ts';
import { isOdd } from '../base/errors.ts';
import { sleep } from '../base/time.ts';
import { redisOptions } from '../redis/redis.ts';
import { jobIdOf } from '../store/keys.ts';
import { ENDINGS, type Ending, type EndingStanding, endingJobId, endingJobOf } from './completion-queue.ts';
import { type JobCall, jobOf, QUEUES, type QueueName } from './jobs.ts';

/**
 * How every queue and worker connects: options, so that BullMQ opens and closes its own sockets. A job whose end Redis
 * refused would stay in hand until it counts as stalled, so that a command outlasts a failover.
 */
export function connectionOf(url: string): ConnectionOptions {
  return redisOptions(url, 'resend');
}

export interface QueuesDeps {
  readonly url: string;
  readonly prefix: string;
}

export interface Load {
  /** Jobs in hand: about the requests at fal. */
  readonly active: number;
  /** Jobs that wait for one of them to end. */
  readonly waiting: number;
  /** The most in hand at once, over all workers; undefined before the first worker. */
  readonly concurrency: number | undefined;
  /** No job starts at this moment: the rate limit, or fal asked for less. */
  readonly rateLimited: boolean;
}

/** The three queues of the requests, and the one of what follows a batch's end. Whoever opens them closes them. */
export class Queues {
  readonly #queues: Readonly<Record<QueueName, Queue>>;
  readonly #endings: Queue;

  constructor({ url, prefix }: QueuesDeps) {
    const open = (name: string) =>
      new Queue(name, {
        connection: connectionOf(url),
        prefix,
        defaultJobOptions: {
          // 1,820 bytes a kept job, 83 a removed one; and an id that is gone may be used again (MEASURED.md).
          removeOnComplete: true,
          removeOnFail: true,
          // Attempts are counted in the record. These are for faults of the house itself (a bug, a lost Redis), which
          // must never end a request that may have been paid for.
          attempts: 1_000_000,
          backoff: { type: 'house' },
          stackTraceLimit: 1,
        },
      });
    this.#queues = { generate: open('generate'), collect: open('collect'), render: open('render') };
    this.#endings = open(ENDINGS);
    for (const queue of [...Object.values(this.#queues), this.#endings]) {
      // BullMQ tells of a lost connection here, too; the commands themselves wait or reject, which is where it is handled.
      queue.on('error', () => undefined);
    }
  }

  queue(name: QueueName): Queue {
    return this.#queues[name];
  }

  /** Adds jobs, at most 1,000 a round trip (`addBulk` is a pipeline, not atomic). A repeat is harmless. */
  async add(name: QueueName, calls: readonly JobCall[]): Promise<void> {
    for (let at = 0; at < calls.length; at += 1_000) {
      const chunk = calls.slice(at, at + 1_000).map(jobOf);
      const jobs = await this.#queues[name].addBulk(chunk);
      // A refused add comes back as a negative number in place of the id (MEASURED.md).
      const refused = jobs.find((job) => /^-\d+$/.test(job.id ?? ''));
      if (refused !== undefined) throw new Error(`BullMQ refused a job of queue ${name} (${refused.id}).`);
    }
  }

  /** Gives what follows a batch's end its job. A repeat while that job is there is harmless. */
  async addEnding(ending: Ending): Promise<void> {
    const { name, data, opts } = endingJobOf(ending);
    await this.#endings.add(name, data, opts);
  }

  /** undefined where nothing is left to do of that end, or hold. */
  async endingOf(batch: string, endedAtMs: number): Promise<EndingStanding | undefined> {
    for (const kind of ['manifest', 'tell', 'held'] as const) {
      const id = endingJobId({ kind, batch, endedAtMs });
      // Its state first: what is read after it is no older, so a failure has its reason.
      const state = await this.#endings.getJobState(id);
      const job: Job | undefined = await this.#endings.getJob(id);
      if (job === undefined) continue;
      return {
        kind,
        state: state === 'failed' ? 'given-up' : state === 'delayed' ? 'later' : 'waiting',
        reason: job.failedReason,
      };
    }
    return undefined;
  }

  /** The rate and concurrency over all workers. */
  async limitGenerate({ concurrency, submitRate }: Config['fal']): Promise<void> {
    await this.#queues.generate.setGlobalConcurrency(concurrency);
    await this.#queues.generate.setGlobalRateLimit(submitRate.max, submitRate.durationMs);
  }

  /**
   * Ids of jobs that no worker has in hand, in the order in which they start: `wait` before `prioritized`, `delayed` in
   * their time. While others move the queue, some are seen twice or not at all.
   */
  async waitingIds(
    name: QueueName,
    where: 'wait' | 'prioritized' | 'delayed',
    { from, count }: { readonly from: number; readonly count: number },
  ): Promise<string[]> {
    return await this.#queues[name].getRanges([where], from, from + count - 1, true);
  }

  /** Ids of the jobs whose request may be at fal: few, whatever waits. */
  async idsAtFal(): Promise<string[]> {
    const { generate, collect } = this.#queues;
    const [submitting, collecting] = await Promise.all([
      generate.getRanges(['active'], 0, -1),
      collect.getRanges(['active', 'wait', 'prioritized', 'delayed'], 0, -1),
    ]);
    return [...new Set([...submitting, ...collecting])];
  }

  /** Removes jobs that wait; one that is active or gone stays as it is. */
  async removeIds(name: QueueName, ids: readonly string[]): Promise<void> {
    const queue = this.#queues[name];
    await pMap(ids, (id) => queue.remove(id).catch(() => 0), { concurrency: 100 });
  }

  /** Gives a request its job now, also where one of that name waits for a later time. */
  async hurry(name: QueueName, call: JobCall): Promise<void> {
    await this.add(name, [call]);
    const job = await this.#readable(name, jobIdOf(call.request, call.round));
    // Between the two it may have begun by itself.
    if ((await job?.isDelayed()) === true) await job?.promote().catch(() => undefined);
  }

  /** How full the generate queue is, of all batches. */
  async load(): Promise<Load> {
    const { generate } = this.#queues;
    const [counts, concurrency, limitedMs] = await Promise.all([
      generate.getJobCounts('active', 'wait', 'prioritized'),
      generate.getGlobalConcurrency(),
      generate.getRateLimitTtl(),
    ]);
    return {
      active: counts['active'] ?? 0,
      waiting: (counts['wait'] ?? 0) + (counts['prioritized'] ?? 0),
      concurrency: concurrency ?? undefined,
      rateLimited: limitedMs > 0,
    };
  }

  /** Puts a waiting job ahead of everything that has a priority, behind those raised before; one that is gone stays gone. */
  async raise(name: QueueName, jobId: string): Promise<void> {
    const job = await this.#readable(name, jobId);
    // Priority 0 is BullMQ's list without priorities, which goes first. Between the two the job may have begun by itself.
    await job?.changePriority({ priority: 0 }).catch(() => undefined);
  }

  /** Removes a job that cannot be read, unless a worker has it in hand: its request gets another with the next sweep. */
  async #readable(name: QueueName, jobId: string): Promise<Job | undefined> {
    try {
      return await this.#queues[name].getJob(jobId);
    } catch (error) {
      if (!isOdd(error)) throw error;
      await this.removeIds(name, [jobId]);
      return undefined;
    }
  }

  /** No generate job starts until `resumeGenerate`. */
  async pauseGenerate(): Promise<void> {
    await this.#queues.generate.pause();
  }

  async isGeneratePaused(): Promise<boolean> {
    return await this.#queues.generate.isPaused();
  }

  async resumeGenerate(): Promise<void> {
    await this.#queues.generate.resume();
  }

  /** Slows every worker down: no generate job starts for that long. */
  async slowDown(ms: number): Promise<void> {
    await this.#queues.generate.rateLimit(ms);
  }

  /** Makes the connections again that lead to a server that is not the primary any more. */
  reconnect(): void {
    for (const queue of [...QUEUES.map((name) => this.#queues[name]), this.#endings]) reconnect(queue);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...QUEUES.map((name) => this.#queues[name]), this.#endings].map(closeQueue));
  }
}

/**
 * Writes nothing over each connection: one that is left on a replica is refused, and so made again; what others have under
 * way is not broken off. One that blocks was woken by Redis itself when the server became a replica.
 */
export function reconnect({ backend, opts }: Queue | Worker): void {
  for (const client of [backend.client, backend.blockingClient]) {
    client?.then((opened) => opened.del(`${opts.prefix}:probe`)).catch(() => undefined);
  }
}

/** With Redis there it takes a moment. */
const CLOSE_MS = 300;

/** BullMQ says goodbye to Redis and waits for the answer, which never comes while Redis is away. */
export async function closeQueue(queue: Queue): Promise<void> {
  const closed = queue.close().then(() => true);
  const late = sleep(CLOSE_MS).then(() => false);
  if (await Promise.race([closed, late])) return;
  closed.catch(() => undefined);
  queue.disconnect().catch(() => undefined);
}

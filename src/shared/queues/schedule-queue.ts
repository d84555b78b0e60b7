import { Queue } from 'bullmq';
import { z } from 'zod';
import { isOdd } from '../base/errors.ts';
import { dueAfter, patternOf, type Rule, ruleOfPattern } from './due-times.ts';
import { closeQueue, connectionOf } from './queues.ts';

/** A queue of its own: a run waits for no picture, and no picture for a run. */
export const SCHEDULE_QUEUE = 'schedule';

const payload = z.object({
  v: z.literal(1),
  name: z.string().min(1),
  /** Of a run that nobody was there for; BullMQ's own jobs carry their due time in their options. */
  due: z.int().optional(),
});

/** What a job of this queue asks for; undefined where it is none of ours. */
export function parseScheduleJob(
  data: unknown,
  prevMillis: number | undefined,
): { readonly name: string; readonly dueMs: number } | undefined {
  const parsed = payload.safeParse(data);
  const dueMs = parsed.data?.due ?? prevMillis;
  return parsed.success && dueMs !== undefined ? { name: parsed.data.name, dueMs } : undefined;
}

/** What BullMQ asks for the next due time, in the queue and in the worker: both must be told. */
export const repeatSettings = {
  repeatStrategy: (ms: number, { pattern, tz }: { pattern?: string; tz?: string }): number | undefined =>
    pattern === undefined ? undefined : dueAfter(ruleOfPattern(pattern, tz), ms),
};

/** A scheduler as it stands in Redis. */
export interface Standing {
  readonly name: string;
  readonly rule: Rule;
  /** Its next run is there. Without it no other one will ever come. */
  readonly isAlive: boolean;
}

/**
 * BullMQ's schedulers: the bell that rings at the due times. The store knows what is scheduled (`producer/schedules.ts`);
 * these are made anew from there. Whoever opens it closes it.
 */
export class ScheduleQueue {
  readonly #queue: Queue;

  constructor({ url, prefix }: { readonly url: string; readonly prefix: string }) {
    this.#queue = new Queue(SCHEDULE_QUEUE, {
      connection: connectionOf(url),
      prefix,
      settings: repeatSettings,
      defaultJobOptions: JOB_OPTIONS,
    });
    // The commands themselves wait or reject, which is where a lost connection is handled.
    this.#queue.on('error', () => undefined);
  }

  /** From now on the schedule rings by this rule. What it was due for before, and did not run, is forgotten. */
  async upsert(name: string, rule: Rule): Promise<void> {
    const { pattern, tz } = patternOf(rule);
    await this.#queue.upsertJobScheduler(
      name,
      { pattern, ...(tz === undefined ? {} : { tz }) },
      { name: 'due', data: { v: 1, name } satisfies z.infer<typeof payload>, opts: JOB_OPTIONS },
    );
  }

  /** A repeat is harmless. */
  async remove(name: string): Promise<void> {
    await this.#queue.removeJobScheduler(name);
  }

  /** A run that was due when nobody was there. A repeat is harmless. */
  async addLate(name: string, due: number): Promise<void> {
    const data = { v: 1, name, due } satisfies z.infer<typeof payload>;
    await this.#queue.add('late', data, { jobId: `late-${name}-${due}` });
  }

  async standing(): Promise<Standing[]> {
    const names = await this.#names();
    return (await Promise.all(names.map((name) => this.#standingOf(name)))).flat();
  }

  /** One that cannot be read, or whose next run cannot, is not alive: it is made again from the store. */
  async #standingOf(name: string): Promise<Standing[]> {
    const dead = { name, rule: ruleOfPattern('', undefined), isAlive: false };
    try {
      const scheduler = await this.#queue.getJobScheduler(name);
      if (scheduler === undefined) return [dead];
      const { pattern, tz, next } = scheduler;
      const job = next === undefined ? undefined : await this.#queue.getJob(`repeat:${name}:${next}`);
      return [{ name, rule: ruleOfPattern(pattern ?? '', tz), isAlive: job !== undefined }];
    } catch (error) {
      if (!isOdd(error)) throw error;
      return [dead];
    }
  }

  async #names(): Promise<string[]> {
    const client = await this.#queue.backend.client;
    return await client.zrange(this.#queue.toKey('repeat'), 0, -1);
  }

  /** Workers that would run what is due; undefined where Redis does not tell (`CLIENT LIST` may be forbidden). */
  async workers(): Promise<number | undefined> {
    return await this.#queue.getWorkersCount().catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await closeQueue(this.#queue);
  }
}

/** As of every queue here: what is done leaves nothing behind, and a fault of the house never ends a run. */
const JOB_OPTIONS = {
  removeOnComplete: true,
  removeOnFail: true,
  attempts: 1_000_000,
  backoff: { type: 'house' },
  stackTraceLimit: 1,
};

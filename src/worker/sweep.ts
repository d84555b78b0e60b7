import { isOdd, messageOf } from '../shared/base/errors.ts';
import type { Logger } from '../shared/base/log.ts';
import { createVoice } from '../shared/base/voice.ts';
import type { JobCall, QueueName } from '../shared/queues/jobs.ts';
import type { Queues } from '../shared/queues/queues.ts';
import type { Redis } from '../shared/redis/redis.ts';
import type { Batches, BatchView } from '../shared/requests/batches.ts';
import { everyBatch } from '../shared/requests/every-batch.ts';
import type { Records } from '../shared/requests/records.ts';
import { giveJobs } from '../shared/requests/requeue.ts';

export interface SweepDeps {
  readonly redis: Redis;
  readonly prefix: string;
  readonly batches: Batches;
  readonly records: Records;
  readonly add: (queue: QueueName, calls: readonly JobCall[]) => Promise<void>;
  readonly ended: (batch: string) => Promise<void>;
  readonly held: (batch: string) => Promise<void>;
  readonly log: Logger;
  /** Default: a minute. */
  readonly everyMs?: number;
}

export interface SweepingDeps extends SweepDeps {
  readonly queues: Pick<Queues, 'isGeneratePaused' | 'resumeGenerate'>;
}

const EVERY_MS = 60_000;

/**
 * Gives a job to every request that is not at rest and has none: after a crash between a record and its job, a lost
 * answer of Redis, or a button on a queue dashboard. Resolves to how many it found.
 */
export async function sweep({ batches, records, add, ended, held, log }: SweepDeps): Promise<number> {
  let given = 0;
  const onOdd = (batch: string, error: Error) =>
    log.error({ batch, error: messageOf(error) }, 'batch is left as it is');
  for await (const { batch, view } of everyBatch(batches, { onOdd, atOnce: 1 })) {
    try {
      given += await sweepOne(batch, view);
    } catch (error) {
      if (!isOdd(error)) throw error;
      onOdd(batch, error);
    }
  }
  if (given > 0) log.info({ requests: given }, 'gave jobs to requests that had none');
  return given;

  async function sweepOne(batch: string, view: BatchView | undefined): Promise<number> {
    if (view === undefined) {
      await batches.forget(batch);
      return 0;
    }
    if (view.doneAtMs !== undefined) {
      if (!view.summarized) await ended(batch);
      return 0;
    }
    // Whoever took the step that held it died before it was noted.
    if (view.hold?.isNoted === false) await held(batch);
    // A batch that is still being enqueued gets its jobs from there.
    if (!view.complete) return 0;
    // A request that was planned again behind its back, or a batch that was rebuilt: whoever catches up cancels it.
    if (view.word === 'cancelled' && view.counts.planned + view.counts.held > 0)
      await batches.leaveBehind(batch);
    return await giveJobs(records.jobless(batch, 'sweep'), view.priority, add);
  }
}

/**
 * A stop is written first and the queue paused after it. Of a worker that froze between the two, the pause may come when
 * a person has resumed already: then nothing would be submitted any more, and no status would say why.
 */
async function resumeStray({ queues, batches, log }: SweepingDeps): Promise<void> {
  if (!(await queues.isGeneratePaused())) return;
  if ((await batches.stopped()) !== undefined) return;
  await queues.resumeGenerate();
  log.warn({}, 'the queue was paused without a stop; resumed');
}

/** Sweeps now and each minute, one worker at a time by a lock. */
export function startSweeping(deps: SweepingDeps): { stop(): Promise<void> } {
  const { redis, prefix, log, everyMs = EVERY_MS } = deps;
  let current: Promise<unknown> = Promise.resolve();
  const voice = createVoice({ log, clock: () => performance.now() });
  const once = () => {
    current = (async () => {
      if ((await redis.set(`${prefix}:sweep`, '1', 'PX', Math.ceil(everyMs * 0.9), 'NX')) === null) return;
      await resumeStray(deps);
      await sweep(deps);
    })().catch((error: unknown) =>
      voice.say('warn', messageOf(error), { error: messageOf(error) }, 'sweep broke off; it comes again'),
    );
  };
  once();
  const timer = setInterval(once, everyMs);
  return {
    async stop() {
      clearInterval(timer);
      await current;
    },
  };
}

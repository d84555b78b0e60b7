import type { Shop } from '../operations/services.ts';
import type { ListProcess } from '../producer/child/check-in-child.ts';
import { runDue } from '../producer/schedules/run.ts';
import { Schedules } from '../producer/schedules/schedules.ts';
import { syncSchedules } from '../producer/schedules/sync.ts';
import type { Config, Environment } from '../shared/base/config.ts';
import { messageOf } from '../shared/base/errors.ts';
import type { Logger } from '../shared/base/log.ts';
import { settlesWithin, systemClock } from '../shared/base/time.ts';
import { ScheduleQueue } from '../shared/queues/schedule-queue.ts';
import type { ScheduleStep } from '../worker/workers.ts';
import type { Stack } from './connections.ts';
import { scheduleRunDepsOf, unseenContext } from './schedule-run-deps.ts';
import { assertSigner, signerOf } from './schedule-signature.ts';

export interface SchedulingOptions {
  readonly url: string;
  readonly shop: Shop;
  readonly stack: Stack;
  readonly config: Config;
  readonly environment: Environment;
  readonly log: Logger;
  /** How often it looks whether Redis has lost the schedules; default: a minute. */
  readonly lookMs?: number;
  /** The process that reads and checks a list; default: the one that ships. */
  readonly lists?: ListProcess | undefined;
}

/** The role `schedule` of a worker, but for the worker itself. */
export interface Scheduling extends AsyncDisposable {
  readonly step: ScheduleStep;
  /** Brings Redis in line with the store, now and whenever it has lost its schedules. */
  start(): void;
}

const LOOK_MS = 60_000;
/** And without any loss, as often: for a command that broke off between the store and Redis. */
const SYNC_MS = 15 * 60_000;
const GOODBYE_MS = 100;

export function openScheduling(options: SchedulingOptions): Scheduling {
  const { url, shop, stack, environment, log, lookMs = LOOK_MS } = options;
  const { prefix } = stack;
  // Without it nothing that the store says could be told from what somebody else wrote there.
  assertSigner(options.config, stack);
  const schedules = new Schedules({ store: shop.store, signer: signerOf(options.config, stack) });
  const queue = new ScheduleQueue({ url, prefix });
  const context = unseenContext(environment, log);
  const deps = scheduleRunDepsOf({ ...options, context, schedules, queue });
  const stopping = new AbortController();
  let current: Promise<unknown> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  const mark = `${prefix}:schedules-synced`;

  /** A key that goes with the rest tells of the loss; where it stands, the store is left in peace. */
  async function look(isFirst: boolean): Promise<void> {
    if (!isFirst && (await shop.redis.exists(mark)) === 1) return;
    await syncSchedules({ schedules, queue, clock: systemClock, log }, stopping.signal);
    await shop.redis.set(mark, '1', 'PX', SYNC_MS);
  }

  function lookNow(isFirst: boolean): void {
    current = current
      .then(() => look(isFirst))
      .catch((error: unknown) => {
        if (!stopping.signal.aborted)
          log.warn({ error: messageOf(error) }, 'schedules not looked at; it is tried again');
      });
  }

  return {
    step: async (ring, signal) => {
      await runDue(ring, signal, deps);
    },
    start() {
      lookNow(true);
      timer = setInterval(() => lookNow(false), lookMs);
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      stopping.abort(new Error('the worker stops'));
      await settlesWithin(current, GOODBYE_MS);
      await queue[Symbol.asyncDispose]();
    },
  };
}

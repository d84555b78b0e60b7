import { messageOf } from '../shared/base/errors.ts';
import type { Logger } from '../shared/base/log.ts';
import { createVoice } from '../shared/base/voice.ts';
import type { Redis } from '../shared/redis/redis.ts';
import type { Batches } from '../shared/requests/batches.ts';
import { type CatchUpDeps, catchUp } from '../shared/requests/requeue.ts';

export interface CatchingUpDeps extends CatchUpDeps {
  readonly redis: Redis;
  readonly prefix: string;
  readonly log: Logger;
  /** Default: a second. */
  readonly everyMs?: number;
}

const EVERY_MS = 1_000;
/** Batches at once in one worker, so that a small one does not wait for a large one. */
const AT_ONCE = 4;
/** A worker that died in the midst of a batch keeps it from the others for so long. */
const LOCK_MS = 15_000;

/** Looks each second which batches' jobs do not agree with their word, and catches up: one worker a batch, by a lock. */
export function startCatchingUp(deps: CatchingUpDeps): { stop(): Promise<void> } {
  const { redis, prefix, batches, log, everyMs = EVERY_MS } = deps;
  const tasks = new Map<string, Promise<void>>();
  const voice = createVoice({ log, clock: () => performance.now() });
  let stopped = false;
  let looking: Promise<void> = Promise.resolve();

  async function look(): Promise<void> {
    for (const batch of (await batches.behind()).keys()) {
      if (stopped || tasks.size >= AT_ONCE) return;
      if (tasks.has(batch)) continue;
      const task = one(batch)
        .catch((error: unknown) =>
          voice.say(
            'warn',
            `${batch} ${messageOf(error)}`,
            { batch, error: messageOf(error) },
            'catching up broke off; it goes on in a second',
          ),
        )
        .finally(() => tasks.delete(batch));
      tasks.set(batch, task);
    }
  }

  async function one(batch: string): Promise<void> {
    const lock = `${prefix}:catching-up:${batch}`;
    if ((await redis.set(lock, '1', 'PX', LOCK_MS, 'NX')) === null) return;
    try {
      let extendedAtMs = performance.now();
      const { finished, requests } = await catchUp(batch, deps, {
        enough: () => {
          if (performance.now() - extendedAtMs > LOCK_MS / 3) {
            extendedAtMs = performance.now();
            redis.pexpire(lock, LOCK_MS).catch(() => undefined);
          }
          return stopped;
        },
      });
      if (finished) log.info({ batch, requests }, "the batch's jobs agree with its word");
    } finally {
      await redis.del(lock);
    }
  }

  const timer = setInterval(() => {
    looking = looking
      .then(look)
      .catch((error: unknown) =>
        voice.say('warn', messageOf(error), { error: messageOf(error) }, 'no look at what is behind'),
      );
  }, everyMs);

  return {
    async stop() {
      stopped = true;
      clearInterval(timer);
      await looking;
      await Promise.all(tasks.values());
    },
  };
}

/** A walk through the queue for a single stray job is worth it, but not for each. */
const NOTICED_EVERY_MS = 10_000;

/** For a worker that turned a job away for its batch's word: others may stand behind it, and are cleared. */
export function createNotice({
  batches,
  log,
}: {
  readonly batches: Pick<Batches, 'leaveBehind'>;
  readonly log: Logger;
}): (batch: string) => void {
  const noticedAtMs = new Map<string, number>();
  return (batch) => {
    const now = performance.now();
    if (now - (noticedAtMs.get(batch) ?? Number.NEGATIVE_INFINITY) < NOTICED_EVERY_MS) return;
    if (noticedAtMs.size > 1_000) noticedAtMs.clear();
    noticedAtMs.set(batch, now);
    batches
      .leaveBehind(batch)
      .catch((error: unknown) =>
        log.warn({ batch, error: messageOf(error) }, 'waiting jobs are not cleared'),
      );
  };
}

import { messageOf } from '../shared/base/errors.ts';
import type { Logger } from '../shared/base/log.ts';
import { type Clock, settlesWithin } from '../shared/base/time.ts';
import { createVoice } from '../shared/base/voice.ts';
import { openRedis } from '../shared/redis/redis.ts';
import { type RedisRefusal, redisRefusal, refusalSentence } from '../shared/redis/refusals.ts';
import { tryRights, tryWrite } from '../shared/redis/rights.ts';

export interface RedisLookDeps {
  readonly url: string;
  readonly prefix: string;
  /** Redis became a replica: every other connection may be left on it, and is made again. */
  readonly onDemoted: () => void;
  readonly log: Logger;
  readonly clock: Clock;
}

export interface RedisLook {
  /** Why the work cannot go on with this Redis, in sentences without an address; empty where it can. */
  faults(): readonly string[];
  stop(): Promise<void>;
}

const LOOK_MS = 2_000;
/** While something is wrong. */
const AGAIN_MS = 500;
/** Every right, where a look tries only whether a script may write. */
const RIGHTS_MS = 15_000;
const LATE_MS = 2_000;

/**
 * Tries every two seconds whether Redis still takes what the work does, by doing it. Idle connections notice nothing of
 * a failover, and a blocked one waits: so all of them are made again where this one finds a replica. Rejects with a
 * `UserError` where Redis does not answer at the start.
 */
export async function startRedisLook(deps: RedisLookDeps): Promise<RedisLook> {
  const { url, prefix, onDemoted, log, clock } = deps;
  const voice = createVoice({ log, clock });
  // Of its own: one that others use could have been made again since the failover, and blocks for nobody.
  const redis = await openRedis(url);
  let faults: readonly string[] = [];
  // All of them were tried just now, at the start.
  let rightsAtMs = clock();
  let droppedAtMs = Number.NEGATIVE_INFINITY;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let current: Promise<void> = Promise.resolve();

  /** Never rejects. */
  async function find(): Promise<readonly string[]> {
    try {
      const isDue = clock() - rightsAtMs >= RIGHTS_MS;
      const refusal = await tryWrite({ redis, prefix }).then(() => undefined, refusalOf);
      if (refusal?.code === 'redis_replica') dropAll();
      // One right is missing, perhaps others too: all are named at once.
      const isOfRights = refusal?.code === 'redis_rights';
      if (refusal !== undefined && !isOfRights) return [refusalSentence(refusal)];
      if (!isDue && !isOfRights && faults.length === 0) return [];
      const { sentences } = await tryRights({ redis, prefix });
      rightsAtMs = clock();
      return sentences;
    } catch (error) {
      return [`Redis does not answer (${messageOf(error)}).`];
    }
  }

  /** Where new ones lead to a replica, too, there is no use in making them again at each look. */
  function dropAll(): void {
    if (stopped || clock() - droppedAtMs < LOOK_MS) return;
    droppedAtMs = clock();
    voice.say('warn', 'demoted', {}, 'Redis became a replica; all connections are made again');
    onDemoted();
  }

  async function look(): Promise<void> {
    const finding = find().then((found) => {
      faults = found;
    });
    if (!(await settlesWithin(finding, LATE_MS))) {
      faults = [`Redis has not answered for ${LATE_MS / 1_000} s.`];
      await finding;
    }
    for (const fault of faults) voice.say('warn', fault, { fault }, 'Redis refuses what the work needs');
  }

  const next = () => {
    if (stopped) return;
    timer = setTimeout(
      () => {
        current = look().finally(next);
      },
      faults.length === 0 ? LOOK_MS : AGAIN_MS,
    );
  };
  next();
  return {
    faults: () => faults,
    async stop() {
      stopped = true;
      clearTimeout(timer);
      redis.disconnect();
      await current.catch(() => undefined);
    },
  };
}

/** Rethrows what is no refusal. */
function refusalOf(error: unknown): RedisRefusal {
  const refusal = redisRefusal(error);
  if (refusal === undefined) throw error;
  return refusal;
}

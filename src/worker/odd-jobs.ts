import { isOdd, messageOf } from '../shared/base/errors.ts';
import type { Logger } from '../shared/base/log.ts';
import type { Redis } from '../shared/redis/redis.ts';

export interface OddJobsDeps {
  readonly redis: Redis;
  readonly prefix: string;
  readonly log: Logger;
}

/** What BullMQ parses of a job (6.7.0, `rawToJobJson` and `Job.fromJSON`). */
const PARSED = ['data', 'opts', 'progress', 'parent'] as const;

/**
 * For each error of a worker of a queue. BullMQ takes a job in hand first and parses it then: one that is no JSON breaks
 * that step off and stays `active`, in a slot of the global concurrency, and is taken again after each lock. Such a job is
 * removed and reported, and its slot is free. Nothing is lost by that: the record is the truth, and the sweep gives its
 * request another job. Never rejects.
 */
export function createOddJobs({
  redis,
  prefix,
  log,
}: OddJobsDeps): (queue: string, error: Error) => Promise<void> {
  return async (queue, error) => {
    if (!isOdd(error)) return;
    const base = `${prefix}:${queue}:`;
    try {
      for (const id of await redis.lrange(`${base}active`, 0, -1)) {
        if (await isReadable(redis, `${base}${id}`)) continue;
        // Of several workers that meet it one removes it.
        if ((await redis.eval(REMOVE, 0, base, id)) !== 1) continue;
        log.error({ queue, jobId: id }, 'a job that cannot be read is removed; its request gets another');
      }
    } catch (failed) {
      log.warn({ queue, error: messageOf(failed) }, 'no look at jobs that cannot be read');
    }
  };
}

/** Whether a worker could have parsed it. What a step works on was parsed, so it is never removed. */
async function isReadable(redis: Redis, key: string): Promise<boolean> {
  try {
    for (const text of await redis.hmget(key, ...PARSED)) if (text !== null && text !== '') JSON.parse(text);
    return true;
  } catch (error) {
    if (!isOdd(error)) throw error;
    return false;
  }
}

/** The marker wakes a worker that waits for a slot. */
const REMOVE = `
local base, id = ARGV[1], ARGV[2]
local key = base .. id
if redis.call('LREM', base .. 'active', 0, id) == 0 then return 0 end
redis.call('SREM', base .. 'stalled', id)
redis.call('DEL', key, key .. ':lock', key .. ':logs')
redis.call('ZADD', base .. 'marker', 0, '0')
return 1
`;

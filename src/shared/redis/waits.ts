import { z } from 'zod';
import { isOdd } from '../base/errors.ts';
import type { Redis } from './redis.ts';

/** One reason for which requests of a batch wait or are tried again. */
export interface Wait {
  /** A clause; holds no secret. */
  readonly reason: string;
  /** About so many: one that changed its worker may be counted twice for half a minute. */
  readonly requests: number;
  /** When the first of them began to wait, ms since 1970. */
  readonly sinceMs: number;
}

export interface WaitsDeps {
  readonly redis: Redis;
  readonly prefix: string;
}

/** A worker that says nothing for so long has nothing more to say: it ended, or its requests go on. */
const HEARD_S = 30;
/** Reasons that a worker says of a batch. */
export const MOST_REASONS = 5;

const said = z.array(
  z.object({ reason: z.string(), requests: z.int().min(1), sinceMs: z.int() }).transform((one): Wait => one),
);

/**
 * Why requests of a batch wait, for `status`. One hash a batch, a field a worker, at most five reasons in it; it goes by
 * itself, half a minute after the last word. By the clock of Redis alone.
 */
export class Waits {
  readonly #deps: WaitsDeps;

  constructor(deps: WaitsDeps) {
    this.#deps = deps;
  }

  /** In place of what this worker said of the batch before; nothing: it does not wait here. */
  async say(batch: string, worker: string, waits: readonly Wait[]): Promise<void> {
    const { redis, prefix } = this.#deps;
    const text = waits.length === 0 ? '' : JSON.stringify(waits.slice(0, MOST_REASONS));
    await redis.eval(SAY, 0, `${prefix}:waits:${batch}`, worker, text, HEARD_S);
  }

  /** Of all workers, the reason with the most requests first. */
  async read(batch: string): Promise<readonly Wait[]> {
    const { redis, prefix } = this.#deps;
    const texts = z.array(z.string()).parse(await redis.eval(READ, 0, `${prefix}:waits:${batch}`, HEARD_S));
    const byReason = new Map<string, Wait>();
    for (const { reason, requests, sinceMs } of texts.flatMap(saidIn)) {
      const known = byReason.get(reason);
      byReason.set(reason, {
        reason,
        requests: requests + (known?.requests ?? 0),
        sinceMs: Math.min(sinceMs, known?.sinceMs ?? sinceMs),
      });
    }
    return [...byReason.values()].sort((a, b) => b.requests - a.requests).slice(0, MOST_REASONS);
  }
}

/** Nothing where it is none of ours: a user is told so, and nothing is decided by it. */
function saidIn(text: string): readonly Wait[] {
  try {
    return said.parse(JSON.parse(text));
  } catch (error) {
    if (!isOdd(error)) throw error;
    return [];
  }
}

/** A field is the second in which it was said, a space, and the reasons. */
const SAY = `
local now = tonumber(redis.call('TIME')[1])
if ARGV[3] == '' then redis.call('HDEL', ARGV[1], ARGV[2])
else redis.call('HSET', ARGV[1], ARGV[2], now .. ' ' .. ARGV[3]) end
local fields = redis.call('HGETALL', ARGV[1])
for i = 1, #fields, 2 do
  if tonumber(string.match(fields[i + 1], '^%d+') or '0') < now - tonumber(ARGV[4]) then redis.call('HDEL', ARGV[1], fields[i]) end
end
redis.call('EXPIRE', ARGV[1], ARGV[4])
return 1
`;

const READ = `
local now, texts = tonumber(redis.call('TIME')[1]), {}
local fields = redis.call('HGETALL', ARGV[1])
for i = 2, #fields, 2 do
  local at, text = string.match(fields[i], '^(%d+) (.*)$')
  if at and tonumber(at) >= now - tonumber(ARGV[2]) then texts[#texts + 1] = text end
end
return texts
`;

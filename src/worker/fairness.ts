import { z } from 'zod';
import { messageOf } from '../shared/base/errors.ts';
import type { Logger } from '../shared/base/log.ts';
import type { Clock } from '../shared/base/time.ts';
import type { Queues } from '../shared/queues/queues.ts';
import type { Redis } from '../shared/redis/redis.ts';

export interface FairnessDeps {
  readonly redis: Redis;
  readonly prefix: string;
  readonly queues: Pick<Queues, 'raise'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Of so many starts one is for a less urgent batch, while it waits behind more urgent ones. */
const ONE_IN = 10;
/** Where starts are rare, one comes at least this often. */
const AT_LEAST_EVERY_MS = 60_000;
/** Priorities that are looked at; more than a house ever has at once. */
const MOST_LEVELS = 50;
/** The first few jobs of a priority may belong to batches that were just paused, and are cleared. */
const MOST_LOOKED_AT = 20;

/**
 * BullMQ's priorities are strict: a stream of urgent pictures would keep all others waiting for ever. So every tenth start
 * (or one a minute) raises the first waiting job of a less urgent priority ahead of everything; of several such priorities
 * each has its turn. Batches of one priority are left in the order in which they came. Told of each start of a generate
 * job, in whatever worker; the work is the same whatever waits, and never fails the start.
 */
export function createFairness({
  redis,
  prefix,
  queues,
  clock,
  log,
}: FairnessDeps): (signal: AbortSignal) => Promise<void> {
  return async (signal) => {
    try {
      const args = { at: clock(), oneIn: ONE_IN, everyMs: AT_LEAST_EVERY_MS, levels: MOST_LEVELS };
      const answer = await redis.eval(DUE, 0, prefix, JSON.stringify({ ...args, lookedAt: MOST_LOOKED_AT }));
      const jobId = z.string().parse(answer);
      if (jobId === '' || signal.aborted) return;
      await queues.raise('generate', jobId);
      log.debug({ jobId }, 'raised ahead of more urgent ones');
    } catch (error) {
      // The next start counts again; fairness is not worth a failed start.
      log.warn({ error: messageOf(error) }, 'no look at who waits too long');
    }
  };
}

/**
 * Counts a start. Where one is due for a less urgent priority, answers the id of its first waiting job of a running batch,
 * else ''. `P:fair` holds `n` (starts since the last such one), `at` (its time, ms) and `turn`.
 *
 * A prioritized job's score in BullMQ is its priority times 2^32 plus a counter, and the lowest score starts first.
 */
const DUE = `
local P, a = ARGV[1], cjson.decode(ARGV[2])
local fair, waiting = P .. ':fair', P .. ':generate:prioritized'
local LEVEL = 4294967296
local n = redis.call('HINCRBY', fair, 'n', 1)
local at = tonumber(redis.call('HGET', fair, 'at') or '0')
-- The first start ever begins the minute.
if at == 0 then
  at = a.at
  redis.call('HSET', fair, 'at', string.format('%.0f', at))
end
if n < a.oneIn and a.at - at < a.everyMs then return '' end

local function levelFrom(min)
  local found = redis.call('ZRANGEBYSCORE', waiting, string.format('%.0f', min), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  if #found == 0 then return nil end
  return math.floor(tonumber(found[2]) / LEVEL)
end

local function firstRunning(level)
  local from, to = string.format('%.0f', level * LEVEL), string.format('(%.0f', (level + 1) * LEVEL)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', waiting, from, to, 'LIMIT', 0, a.lookedAt)) do
    local batch = string.match(id, '^(.+)%.%d+%.%d+%-%d+$')
    if batch and redis.call('HGET', P .. ':batch:' .. batch, 'word') == 'running' then return id end
  end
  return nil
end

local candidates = {}
local level = levelFrom(0)
for i = 1, a.levels do
  if not level then break end
  local id = firstRunning(level)
  if id then candidates[#candidates + 1] = id end
  level = levelFrom((level + 1) * LEVEL)
end
-- The most urgent that runs needs no help.
table.remove(candidates, 1)
redis.call('HSET', fair, 'n', 0, 'at', string.format('%.0f', a.at))
if #candidates == 0 then return '' end
local turn = redis.call('HINCRBY', fair, 'turn', 1)
return candidates[turn % #candidates + 1]
`;

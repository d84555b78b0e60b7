import { z } from 'zod';
import type { Clock } from '../base/time.ts';
import type { Redis } from '../redis/redis.ts';
import { type Woken, woken } from './outcome.ts';
import { COMMON } from './transition-script.ts';

/**
 * fal's front door, by endpoint: `P:door:<endpoint>` counts the POSTs whose answer was lost since the last one that fal
 * answered (`n`). From the fifth on it is shut: one request at a time tries it (`prober`, until `until`, not before
 * `next`; `wait` doubles), and the others wait in `P:wait:door:<endpoint>` without a job.
 */

/** A request before it reserves anything. */
const ENTER = `${COMMON}
local key, scope = P .. ':door:' .. a.endpoint, 'door:' .. a.endpoint
local door = redis.call('HMGET', key, 'n', 'prober', 'next', 'until')
if num(door[1]) < a.lost then return cjson.encode({ code = 'open' }) end
local rec = P .. ':rec:' .. a.request
if not door[2] or door[2] == a.request or num(door[4]) <= a.at then
  local rest = num(door[3]) - a.at
  redis.call('HSET', key, 'prober', a.request, 'until', int(a.at + math.max(0, rest) + a.proberMs))
  if rest > 0 then return cjson.encode({ code = 'later', rest = rest }) end
  return cjson.encode({ code = 'probe' })
end
if redis.call('HGET', rec, 's') == 'planned' then
  redis.call('SADD', P .. ':wait:' .. scope, a.request)
  redis.call('HSET', rec, 'w', scope)
end
return cjson.encode({ code = 'wait' })
`;

/** The one that tried it sent no POST after all: another one may. */
const LEAVE = `${COMMON}
local key, out = P .. ':door:' .. a.endpoint, {}
if redis.call('HGET', key, 'prober') == a.request then
  redis.call('HDEL', key, 'prober', 'until')
  wake('door:' .. a.endpoint, 1, out)
end
if #out == 0 then return '[]' end
return cjson.encode(out)
`;

/** fal answered a POST, whatever it said. */
const ANSWERED = `${COMMON}
local out = {}
if redis.call('DEL', P .. ':door:' .. a.endpoint) == 1 then wake('door:' .. a.endpoint, 1000, out) end
if #out == 0 then return '[]' end
return cjson.encode(out)
`;

/** Answers lost in a row before an endpoint's door counts as shut. */
export const DOOR_SHUTS_AFTER = 5;
/** The one that tries it has this long: for its place in the queue, and for a POST that hangs. */
const PROBER_MS = 120_000;

const entry = z.discriminatedUnion('code', [
  z.object({ code: z.enum(['open', 'probe', 'wait']) }),
  z.object({ code: z.literal('later'), rest: z.number() }),
]);

/** `probe`: this one tries a door that is shut. `later`: it does in `rest` ms. `wait`: it gets a job when the door opens. */
export type DoorEntry = z.infer<typeof entry>;

export class Doors {
  readonly #deps: { readonly redis: Redis; readonly prefix: string; readonly clock: Clock };

  constructor(deps: { readonly redis: Redis; readonly prefix: string; readonly clock: Clock }) {
    this.#deps = deps;
  }

  async enter(endpoint: string, request: string): Promise<DoorEntry> {
    const args = { endpoint, request, lost: DOOR_SHUTS_AFTER, proberMs: PROBER_MS };
    return entry.parse(await this.#eval(ENTER, args));
  }

  /** Resolves to those that must be given a job now. */
  async leave(endpoint: string, request: string): Promise<readonly Woken[]> {
    return woken.parse(await this.#eval(LEAVE, { endpoint, request }));
  }

  /** Resolves to those that must be given a job now. */
  async answered(endpoint: string): Promise<readonly Woken[]> {
    return woken.parse(await this.#eval(ANSWERED, { endpoint }));
  }

  async #eval(script: string, args: Readonly<Record<string, unknown>>): Promise<unknown> {
    const { redis, prefix, clock } = this.#deps;
    return JSON.parse(String(await redis.eval(script, 0, prefix, JSON.stringify({ ...args, at: clock() }))));
  }
}

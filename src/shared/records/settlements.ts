import { z } from 'zod';
import type { MicroUsd } from '../money.ts';
import type { Redis } from '../redis.ts';
import { scopesOf } from './records.ts';

/** What the counters of money spent must say of one request, beside what was booked when it was settled. */
export interface Settlement {
  /** The day of its ledger entry, and fal's id as in the entry's key: together they name it. */
  readonly day: string;
  readonly idSegment: string;
  /** Empty for a charge that belongs to no batch. */
  readonly batch: string;
  /** The day whose counters it was booked on. */
  readonly bookedDay: string;
  readonly bookedMicroUsd: MicroUsd;
  readonly trueMicroUsd: MicroUsd;
}

/**
 * Moves counters from what they hold of a request to what they must hold, and remembers it in the same step: so it may
 * be repeated, broken off anywhere, and done again after a loss of Redis. `P:adj:<day>` is a hash: fal's id → counted.
 */
const SETTLE = `
local P = ARGV[1]
local a = cjson.decode(ARGV[2])
local function int(x) return string.format('%.0f', x) end
local known = P .. ':adj:' .. a.day
local counted = tonumber(redis.call('HGET', known, a.request) or a.booked)
local moved = a.target - counted
if moved == 0 then return 0 end
for i, scope in ipairs(a.scopes) do
  local money = P .. ':money:' .. scope
  -- Of a batch that Redis has forgotten nothing must come back.
  if i > 1 or (a.batch ~= '' and redis.call('EXISTS', P .. ':batch:' .. a.batch) == 1) then
    redis.call('HINCRBY', money, 's', int(moved))
    if i > 1 then redis.call('EXPIRE', money, 400 * 86400) end
  end
end
redis.call('HSET', known, a.request, int(a.target))
redis.call('EXPIRE', known, 400 * 86400)
return int(moved)
`;

export class Settlements {
  readonly #deps: { readonly redis: Redis; readonly prefix: string };

  constructor(deps: { readonly redis: Redis; readonly prefix: string }) {
    this.#deps = deps;
  }

  /** Resolves to by how much the counters moved, in micro-dollars; 0 for a repeat. */
  async settle(settlement: Settlement): Promise<MicroUsd> {
    const { day, idSegment, batch, bookedDay, bookedMicroUsd, trueMicroUsd } = settlement;
    const { redis, prefix } = this.#deps;
    const args = {
      day,
      request: idSegment,
      batch,
      scopes: scopesOf(batch, bookedDay),
      booked: bookedMicroUsd,
      target: trueMicroUsd,
    };
    return Number(await redis.eval(SETTLE, 0, prefix, JSON.stringify(args)));
  }

  /** What the counters hold of these requests of one day by a settlement; undefined where there was none. */
  async counted(day: string, idSegments: readonly string[]): Promise<(MicroUsd | undefined)[]> {
    const { redis, prefix } = this.#deps;
    if (idSegments.length === 0) return [];
    const answers = z
      .array(z.string().nullable())
      .parse(await redis.hmget(`${prefix}:adj:${day}`, ...idSegments));
    return answers.map((text) => (text === null ? undefined : Number(text)));
  }
}

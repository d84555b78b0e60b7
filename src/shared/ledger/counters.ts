import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { MicroUsd } from '../base/money.ts';
import { integerOf } from '../redis/answers.ts';
import type { Redis } from '../redis/redis.ts';
import { scopesOf } from '../requests/records.ts';

/** What the counters of money spent must say of one request, beside what was booked when it was settled. */
export interface Settlement {
  /** fal's id as in the entry's key. */
  readonly idSegment: string;
  /** Empty for a charge that belongs to no batch. */
  readonly batch: string;
  /** The day whose counters it was booked on. */
  readonly bookedDay: string;
  readonly bookedMicroUsd: MicroUsd;
  readonly trueMicroUsd: MicroUsd;
}

/**
 * `P:adj:<scope>` is a hash: fal's id → what the counter of the scope holds of it, where that is not what was booked;
 * and `_`, the life of the counter that it speaks of (its field `g`). A counter that was lost and made anew from the
 * ledger has another life or none, and what was known of the old one is void.
 */
const COMMON = `
local P = ARGV[1]
local a = cjson.decode(ARGV[2])
local function int(x) return string.format('%.0f', x) end
local function knows(scope)
  local life = redis.call('HGET', P .. ':money:' .. scope, 'g')
  return life and redis.call('HGET', P .. ':adj:' .. scope, '_') == life
end
local function counts(scope, i, batch)
  -- Of a batch that Redis has forgotten nothing must come back.
  return i > 1 or (batch ~= '' and redis.call('EXISTS', P .. ':batch:' .. batch) == 1)
end
`;

/** Moves counters from what they hold of a request to what they must hold, and remembers it in the same step. */
const SETTLE = `${COMMON}
local moved = 0
for i, scope in ipairs(a.scopes) do
  if counts(scope, i, a.batch) then
    local money, known = P .. ':money:' .. scope, P .. ':adj:' .. scope
    if not knows(scope) then
      redis.call('DEL', known)
      redis.call('HSETNX', money, 'g', a.life)
      redis.call('HSET', known, '_', redis.call('HGET', money, 'g'))
    end
    local by = a.target - tonumber(redis.call('HGET', known, a.request) or a.booked)
    if by ~= 0 then
      redis.call('HINCRBY', money, 's', int(by))
      redis.call('HSET', known, a.request, int(a.target))
      moved = moved + 1
    end
    redis.call('EXPIRE', known, a.ttlS)
    if i > 1 then redis.call('EXPIRE', money, 400 * 86400) end
  end
end
return moved
`;

const SETTLED = `${COMMON}
local out = {}
for at, item in ipairs(a.items) do
  local settled = true
  for i, scope in ipairs(item.scopes) do
    if counts(scope, i, item.batch) then
      settled = settled and knows(scope) and
        redis.call('HGET', P .. ':adj:' .. scope, item.request) == int(item.target)
    end
  end
  out[at] = settled and 1 or 0
end
return out
`;

/** What was settled is remembered for twice as long as it is looked at again (`settle.ts`), and longer. */
const TTL_S = 130 * 86_400;

/** Steps that bring counters to what fal charged. They may be repeated, and broken off anywhere. */
export class Settlements {
  readonly #deps: { readonly redis: Redis; readonly prefix: string };

  constructor(deps: { readonly redis: Redis; readonly prefix: string }) {
    this.#deps = deps;
  }

  /** Resolves to how many counters moved; 0 for a repeat. */
  async settle(settlement: Settlement): Promise<number> {
    const { idSegment, batch, bookedDay, bookedMicroUsd, trueMicroUsd } = settlement;
    const args = {
      request: idSegment,
      batch,
      scopes: scopesOf(batch, bookedDay),
      booked: bookedMicroUsd,
      target: trueMicroUsd,
      life: randomBytes(6).toString('base64url'),
      ttlS: TTL_S,
    };
    return integerOf('SETTLE', await this.#eval(SETTLE, args));
  }

  /** Which of these certainly need no step. At most some hundred a call. */
  async areSettled(settlements: readonly Omit<Settlement, 'bookedMicroUsd'>[]): Promise<readonly boolean[]> {
    if (settlements.length === 0) return [];
    const items = settlements.map(({ idSegment, batch, bookedDay, trueMicroUsd }) => ({
      request: idSegment,
      batch,
      scopes: scopesOf(batch, bookedDay),
      target: trueMicroUsd,
    }));
    return z
      .array(z.int())
      .length(items.length)
      .parse(await this.#eval(SETTLED, { items }))
      .map((one) => one === 1);
  }

  async #eval(script: string, args: unknown): Promise<unknown> {
    const { redis, prefix } = this.#deps;
    return await redis.eval(script, 0, prefix, JSON.stringify(args));
  }
}

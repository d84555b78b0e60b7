import type { Head } from '../journal-objects.ts';
import type { MicroUsd } from '../money.ts';
import type { Redis } from '../redis.ts';
import type { BatchView, Proof, Word } from './batches.ts';
import { isAtRest, type State } from './states.ts';
import { UNCLAIM } from './transition-script.ts';

/** A record as a rebuild knows it; the fields are those of `RequestRecord`. */
export interface RestoredRecord {
  /** `<row>.<part>` */
  readonly member: string;
  readonly state: State;
  readonly round: number;
  readonly requestId?: string;
  readonly booked?: MicroUsd;
  readonly intentAtMs?: number;
  readonly reservation?: { readonly price: MicroUsd; readonly day: string };
  /** Every request in doubt keeps its claim beside the others': the image is free when the last lets go. */
  readonly claim?: { readonly shotKey: string; readonly indices: readonly number[] };
  /** The input whose POST is unresolved. */
  readonly inputHash?: string;
  /** Held for a person's word on the batch's proof. */
  readonly waitsForProof?: true;
}

export interface RestoreDeps {
  readonly redis: Redis;
  readonly prefix: string;
  readonly ttlH: number;
}

const MONTH = 7;

/** One chunk of records, each written whole, with its counters, reservation, claims and search marks. */
const RESTORE = `${UNCLAIM}
local P = ARGV[1]
local a = cjson.decode(ARGV[2])
local function int(x) return string.format('%.0f', x) end
local bat = P .. ':batch:' .. a.batch
for _, item in ipairs(a.items) do
  local request = a.batch .. '.' .. item.member
  local rec = P .. ':rec:' .. request
  redis.call('DEL', rec)
  redis.call('HSET', rec, 's', item.state, 'e', int(a.epoch), 'n', int(item.round))
  redis.call('HINCRBY', bat, 'c.' .. item.state, 1)
  if item.rest then redis.call('EXPIRE', rec, a.ttlS)
  else redis.call('SADD', P .. ':open:' .. a.batch, item.member) end
  if item.requestId then
    redis.call('HSET', rec, 'id', item.requestId)
    redis.call('SET', P .. ':id:' .. item.requestId, request .. '-' .. int(item.round), 'EX', a.ttlS)
  end
  if item.intentAtMs then redis.call('HSET', rec, 'at', int(item.intentAtMs)) end
  if item.waitsForProof then redis.call('HSET', rec, 'p', '1') end
  if item.booked then redis.call('HSET', rec, 'b', int(item.booked)) end
  if item.reservation then
    local day = item.reservation.day
    redis.call('HSET', rec, 'm', int(item.reservation.price), 'd', day)
    for _, scope in ipairs({ 'batch:' .. a.batch, 'day:' .. day, 'month:' .. string.sub(day, 1, ${MONTH}) }) do
      redis.call('HINCRBY', P .. ':money:' .. scope, 'r', int(item.reservation.price))
    end
  end
  if item.claim then
    local named = {}
    for i, index in ipairs(item.claim.indices) do
      named[i] = int(index)
      local key = P .. ':claim:' .. item.claim.shotKey
      unclaim(key, named[i], request)
      local others = redis.call('HGET', key, named[i])
      redis.call('HSET', key, named[i], others and others .. ' ' .. request or request)
    end
    redis.call('HSET', rec, 'sk', item.claim.shotKey, 'ix', table.concat(named, ','))
  end
  if item.inputHash then
    redis.call('HSET', rec, 'ih', item.inputHash)
    redis.call('ZADD', P .. ':rivals:' .. item.inputHash, int(item.intentAtMs), request)
  end
end
`;

/**
 * Takes all of a batch's open records out, with what they reserved and claimed, so that nobody who still holds one can
 * take a step of it.
 */
const DETACH = `${UNCLAIM}
local P = ARGV[1]
local a = cjson.decode(ARGV[2])
for _, member in ipairs(a.members) do
  local request = a.batch .. '.' .. member
  local rec = P .. ':rec:' .. request
  local fields = redis.call('HMGET', rec, 'm', 'd', 'sk', 'ix', 'ih')
  local price, day, shotKey, indices, hash = fields[1], fields[2], fields[3], fields[4], fields[5]
  if price and day then
    for _, scope in ipairs({ 'batch:' .. a.batch, 'day:' .. day, 'month:' .. string.sub(day, 1, ${MONTH}) }) do
      redis.call('HINCRBY', P .. ':money:' .. scope, 'r', '-' .. price)
    end
  end
  if shotKey then
    for index in string.gmatch(indices or '', '%d+') do
      local key = P .. ':claim:' .. shotKey
      unclaim(key, index, request)
    end
  end
  if hash then redis.call('ZREM', P .. ':rivals:' .. hash, request) end
  redis.call('DEL', rec)
  redis.call('SREM', P .. ':open:' .. a.batch, member)
end
`;

/** Writes a batch and its records into Redis wholesale: for a rebuild, while nothing else works on them. */
export class Restore {
  readonly #deps: RestoreDeps;

  constructor(deps: RestoreDeps) {
    this.#deps = deps;
  }

  /** Forgets everything but the stop, and how fast the queues may be worked. */
  async wipe(): Promise<void> {
    const { redis, prefix } = this.#deps;
    const pattern = `${prefix.replace(/[\\*?[\]]/g, '\\$&')}:*`;
    const kept = /:(stop|(generate|collect|render):meta)$/;
    let cursor = '0';
    do {
      const [next, keys] = await redis.scan(cursor, 'MATCH', pattern, 'COUNT', 1_000);
      cursor = next;
      const gone = keys.filter((key) => !kept.test(key.slice(prefix.length)));
      if (gone.length > 0) await redis.unlink(gone);
    } while (cursor !== '0');
  }

  /** Forgets one batch; the counters of days and months keep what it spent. */
  async wipeBatch(batch: string): Promise<void> {
    const { redis, prefix } = this.#deps;
    const open = `${prefix}:open:${batch}`;
    for (;;) {
      const members = await redis.srandmember(open, 500);
      if (members.length === 0) break;
      await redis.eval(DETACH, 0, prefix, JSON.stringify({ batch, members }));
    }
    await redis.unlink(`${prefix}:batch:${batch}`, `${prefix}:money:batch:${batch}`, open);
  }

  /** The batch itself, without counts; they come with the records. */
  async batch(
    head: Head,
    {
      word,
      cap,
      proof,
      spent,
      images,
    }: {
      word: Word;
      cap: MicroUsd | undefined;
      proof: Proof | undefined;
      spent: MicroUsd;
      images: number;
    },
  ): Promise<void> {
    const { redis, prefix } = this.#deps;
    const at = Date.parse(head.createdAt);
    await redis
      .multi()
      .hset(`${prefix}:batch:${head.batch}`, {
        digest: head.digest,
        word,
        priority: head.priority,
        ...(cap === undefined ? {} : { cap }),
        ...(proof === undefined ? {} : { proof }),
        shots: head.shots,
        images0: head.images,
        reused: head.reusedImages,
        requests: head.requests,
        min: head.minMicroUsd,
        max: head.maxMicroUsd,
        naive: head.naiveMicroUsd,
        cheapest: head.cheapestMicroUsd,
        at,
        images,
      })
      .hset(`${prefix}:money:batch:${head.batch}`, { s: spent })
      .zadd(`${prefix}:batches`, at, head.batch)
      .exec();
  }

  /** The requests that the ledger has, and what they had been estimated at. */
  async booked(batch: string, { requests, estimate }: BatchView['booked']): Promise<void> {
    const { redis, prefix } = this.#deps;
    await redis.hset(`${prefix}:batch:${batch}`, { bn: requests, be: estimate });
  }

  /** `epoch`: above any that a run of before can hold. At most a plan chunk's worth of records a call. */
  async records(batch: string, epoch: number, records: readonly RestoredRecord[]): Promise<void> {
    if (records.length === 0) return;
    const { redis, prefix, ttlH } = this.#deps;
    const items = records.map((record) => ({ ...record, rest: isAtRest(record.state) }));
    await redis.eval(RESTORE, 0, prefix, JSON.stringify({ batch, epoch, items, ttlS: ttlH * 3_600 }));
  }

  /** From here on, workers take this Redis for the one that is in force. */
  async begin(life: string): Promise<void> {
    const { redis, prefix } = this.#deps;
    await redis.hset(`${prefix}:memory`, { life });
  }
}

import { z } from 'zod';
import type { Redis } from '../redis/redis.ts';
import type { RequestRecord } from './record.ts';

/** Why an unknown request stays unknown though its time is past. */
export const undecided = z.discriminatedUnion('why', [
  /** fal's list shows nothing that happened after the time, so it may have stood still. */
  z.object({ why: z.literal('fresh') }),
  /** It shows no request whose id fal answered to us with this key within a day. */
  z.object({ why: z.literal('whole') }),
  /** Nothing shows that it tells inputs apart. `promptLength`: a request with a prompt at least as long does. */
  z.object({ why: z.literal('faithful'), promptLength: z.int().min(0) }),
  /** Another key POSTed it, whose history this one does not show. */
  z.object({ why: z.literal('key') }),
  /** Entries that may be the request, with inputs that are hidden or changed. `ids`: the first of `count`. */
  z.object({ why: z.literal('unclear'), ids: z.array(z.string()), count: z.int().min(1) }),
]);
export type Undecided = z.infer<typeof undecided>;

export const WHY_UNDECIDED = [
  'fresh',
  'whole',
  'faithful',
  'key',
  'unclear',
] as const satisfies readonly Undecided['why'][];

/** In a record of Redis; anything else counts as no note. */
export function parseUndecided(text: string): Undecided | undefined {
  try {
    return undecided.parse(JSON.parse(text));
  } catch {
    // Only told to a user: what cannot be read is noted again at the next look.
    return undefined;
  }
}

/** For the epoch and round of the run in hand alone. An empty note takes it away. */
const NOTE = `
local P, request, batch, endpoint = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local rec, bat, set = P .. ':rec:' .. request, P .. ':batch:' .. batch, P .. ':undecided:' .. endpoint
local fields = redis.call('HMGET', rec, 's', 'e', 'n')
if fields[1] ~= 'unknown' or fields[2] ~= ARGV[5] or fields[3] ~= ARGV[6] then return 0 end
if ARGV[7] == '' then
  if redis.call('HDEL', rec, 'nc') == 1 then redis.call('HINCRBY', bat, 'nc', -1) end
  redis.call('SREM', set, request)
  return 1
end
if redis.call('HSET', rec, 'nc', ARGV[7]) == 1 then redis.call('HINCRBY', bat, 'nc', 1) end
redis.call('HSET', bat, 'ncw', ARGV[8])
redis.call('SADD', set, request)
return 1
`;

/** Those of an endpoint that are undecided still, with their rounds; others are dropped. */
const WAITING = `
local P, set, out = ARGV[1], ARGV[1] .. ':undecided:' .. ARGV[2], {}
for _, request in ipairs(redis.call('SRANDMEMBER', set, 1000)) do
  local fields = redis.call('HMGET', P .. ':rec:' .. request, 'nc', 'n')
  if fields[1] then
    out[#out + 1] = request
    out[#out + 1] = fields[2]
  else
    redis.call('SREM', set, request)
  end
end
return out
`;

/** Which unknown requests cannot be decided yet, and why: in their records, in their batches, and by endpoint. */
export class UndecidedRequests {
  readonly #deps: { readonly redis: Redis; readonly prefix: string };

  constructor(deps: { readonly redis: Redis; readonly prefix: string }) {
    this.#deps = deps;
  }

  /** undefined takes the note away. Changes nothing where a later run took over. */
  async note(
    { request, name, epoch, round }: Pick<RequestRecord, 'request' | 'name' | 'epoch' | 'round'>,
    endpoint: string,
    why: Undecided | undefined,
  ): Promise<void> {
    const text = why === undefined ? '' : JSON.stringify(why);
    const args = [request, name.batch, endpoint, epoch, round, text, why?.why ?? ''];
    await this.#deps.redis.eval(NOTE, 0, this.#deps.prefix, ...args);
  }

  /** At most a thousand. */
  async ofEndpoint(endpoint: string): Promise<{ readonly request: string; readonly round: number }[]> {
    const { redis, prefix } = this.#deps;
    const found = z.array(z.string()).parse(await redis.eval(WAITING, 0, prefix, endpoint));
    return found.flatMap((request, at) => (at % 2 === 0 ? [{ request, round: Number(found[at + 1]) }] : []));
  }
}

import { UserError } from '../base/errors.ts';
import type { Redis } from './redis.ts';
import { isDemoted, redisRefusal, refusalSentence } from './refusals.ts';

/**
 * Whether Redis lets us do what the work does, found out by doing it on keys of our own under the prefix. A command
 * that a user may not run is refused in a script, too, so one script tries them all at the price of one call.
 */
export interface RightsDeps {
  /** A connection that nobody else waits for: one of the commands blocks it for some milliseconds. */
  readonly redis: Redis;
  readonly prefix: string;
}

export interface Refused {
  readonly commands: readonly string[];
  /** Whole sentences. */
  readonly sentences: readonly string[];
}

/**
 * What our scripts and those of BullMQ run, and what both run without a script; test/unit/redis-rights.test.ts compares
 * the two. `1` stands for a string, `h` a hash, `l` a list, `s` a set, `z` a sorted set, `x` a stream.
 */
const IN_SCRIPTS: readonly (readonly [string, ...(string | number)[]])[] = [
  ['SET', '1', 'v', 'PX', 1_000],
  ['GET', '1'],
  ['INCR', 'n'],
  ['INCRBY', 'n', 2],
  ['EXISTS', '1'],
  ['TYPE', '1'],
  ['EXPIRE', '1', 5],
  ['PEXPIRE', '1', 5_000],
  ['PEXPIREAT', '1', '4102444800000'],
  ['TTL', '1'],
  ['PTTL', '1'],
  ['PERSIST', '1'],
  ['RENAME', '1', 'moved'],
  ['DEL', 'moved'],
  ['UNLINK', 'moved'],
  ['HSET', 'h', 'f', 'v'],
  ['HSETNX', 'h', 'f', 'v'],
  ['HMSET', 'h', 'g', 'v'],
  ['HGET', 'h', 'f'],
  ['HMGET', 'h', 'f', 'g'],
  ['HGETALL', 'h'],
  ['HVALS', 'h'],
  ['HEXISTS', 'h', 'f'],
  ['HLEN', 'h'],
  ['HINCRBY', 'h', 'n', 1],
  ['HSCAN', 'h', 0],
  ['HDEL', 'h', 'f'],
  ['RPUSH', 'l', 'a', 'b', 'c', 'd'],
  ['LPUSH', 'l', 'e'],
  ['LLEN', 'l'],
  ['LINDEX', 'l', 0],
  ['LRANGE', 'l', 0, -1],
  ['LPOS', 'l', 'a'],
  ['LSET', 'l', 0, 'f'],
  ['LREM', 'l', 1, 'a'],
  ['LTRIM', 'l', 0, 9],
  ['RPOPLPUSH', 'l', 'l'],
  ['LPOP', 'l'],
  ['RPOP', 'l'],
  ['SADD', 's', 'a', 'b'],
  ['SCARD', 's'],
  ['SISMEMBER', 's', 'a'],
  ['SMEMBERS', 's'],
  ['SRANDMEMBER', 's', 1],
  ['SSCAN', 's', 0],
  ['SREM', 's', 'a'],
  ['SPOP', 's'],
  ['ZADD', 'z', 0, 'a', 0, 'b', 0, 'c'],
  ['ZCARD', 'z'],
  ['ZCOUNT', 'z', '-inf', '+inf'],
  ['ZLEXCOUNT', 'z', '-', '+'],
  ['ZSCORE', 'z', 'a'],
  ['ZRANGE', 'z', 0, -1],
  ['ZREVRANGE', 'z', 0, -1],
  ['ZRANGEBYSCORE', 'z', '-inf', '+inf'],
  ['ZREVRANGEBYSCORE', 'z', '+inf', '-inf'],
  ['ZRANGEBYLEX', 'z', '-', '+'],
  ['ZREM', 'z', 'a'],
  ['ZPOPMIN', 'z'],
  ['ZREMRANGEBYSCORE', 'z', '-inf', 5],
  ['ZREMRANGEBYRANK', 'z', 0, -1],
  ['XADD', 'x', '*', 'f', 'v'],
  ['XLEN', 'x'],
  ['XRANGE', 'x', '-', '+'],
  ['XREAD', 'COUNT', 1, 'STREAMS', 'x', '0'],
  ['XTRIM', 'x', 'MAXLEN', 0],
  ['XDEL', 'x', '1-1'],
  ['TIME'],
];

/** Names of keys in the table above; the script puts the prefix before them. */
const KEYS = ['1', 'n', 'moved', 'h', 'l', 's', 'z', 'x'];

/** The commands of the table: for its test, and the docs'. */
export const SCRIPTED_COMMANDS: readonly string[] = IN_SCRIPTS.map(([name]) => name);
/** Those that are tried without a script. */
export const PLAIN_COMMANDS = [
  'EVAL',
  'EVALSHA',
  'BZPOPMIN',
  'MULTI',
  'EXEC',
  'SCAN',
  'PING',
  'INFO',
] as const;

/** Tries everything. Rejects where Redis is away, and with what is no refusal. */
export async function tryRights({ redis, prefix }: RightsDeps): Promise<Refused> {
  // The same for all: each script begins and ends with none of its keys.
  const key = `${prefix}:probe`;
  const answers: unknown[] = [];
  const plain = async (call: () => Promise<unknown>) => {
    try {
      answers.push(await call());
    } catch (error) {
      if (redisRefusal(error) === undefined) throw error;
      answers.push(error);
    }
  };
  await plain(() => redis.ping());
  await plain(() => redis.info('server'));
  await plain(async () => {
    const found: unknown = JSON.parse(
      String(await redis.eval(TRY_ALL, 0, key, JSON.stringify(scripted(key)))),
    );
    if (Array.isArray(found)) answers.push(...found);
  });
  // A client that waits for the end of a failover would wait in the next call.
  if (answers.some(isDemoted)) return refusedIn(answers);
  await plain(() => redis.evalsha(NO_SCRIPT, 0).catch(unlessMissing));
  await plain(() => redis.bzpopmin(`${key}:marker`, BLOCK_S));
  await plain(() => redis.scan('0', 'MATCH', `${key}:*`, 'COUNT', 10));
  await plain(async () => {
    // An answer of EXEC may hold an error of one command in place of its own.
    const each = (await redis.multi().exists(key).exec()) ?? [];
    for (const [error] of each) if (error !== null) throw error;
  });
  return refusedIn(answers);
}

/** The small look: whether a script may write. Rejects with what Redis says. */
export async function tryWrite({ redis, prefix }: RightsDeps): Promise<void> {
  await redis.eval(TRY_WRITE, 0, `${prefix}:probe`);
}

/** Rejects with a `UserError` that names all that is refused, each in its sentence. */
export async function assertRights(deps: RightsDeps): Promise<void> {
  const { sentences } = await tryRights(deps);
  if (sentences.length > 0) throw new UserError('redis_rights', sentences.join('\n'));
}

/** Pure: what the answers come to; several commands in one sentence. */
export function refusedIn(answers: readonly unknown[]): Refused {
  const refusals = answers.flatMap((one) => redisRefusal(one) ?? []);
  const commands = [...new Set(refusals.flatMap(({ says }) => RUN.exec(says)?.[1] ?? []))];
  const others = new Set(refusals.filter(({ says }) => !RUN.test(says)).map(refusalSentence));
  const [first] = refusals.filter(({ says }) => RUN.test(says));
  const rights =
    first === undefined
      ? []
      : [refusalSentence({ ...first, says: first.says.replace(RUN, `run ${commands.join(', ')}`) })];
  return { commands, sentences: [...rights, ...others] };
}

const RUN = /run ([A-Z ]+|a command that the work needs)$/;

/** Long enough to be a blocking call, short enough for a look. */
const BLOCK_S = 0.01;
/** The hash of no script. */
const NO_SCRIPT = '0'.repeat(40);

function unlessMissing(error: unknown): void {
  if (!(error instanceof Error) || !error.message.includes('NOSCRIPT')) throw error;
}

function scripted(key: string) {
  const named = (part: string | number) =>
    typeof part === 'string' && KEYS.includes(part) ? `${key}:${part}` : part;
  return IN_SCRIPTS.map(([command, ...rest]) => [
    command,
    // The key, and of those that take two the second one; what follows are values.
    ...rest.map((part, at) => (isKey(command, at) ? named(part) : part)),
  ]);
}

function isKey(command: string, at: number): boolean {
  if (command === 'XREAD') return at === 3;
  return at === 0 || (at === 1 && (command === 'RENAME' || command === 'RPOPLPUSH'));
}

/** Nobody sees its keys: what the last one leaves is removed in the same step. */
const TRY_ALL = `
local found = {}
for _, call in ipairs(cjson.decode(ARGV[2])) do
  local answer = redis.pcall(unpack(call))
  if type(answer) == 'table' and answer.err then
    -- Redis 6.2 does not say which.
    local unnamed = string.find(answer.err, "can't run this command", 1, true)
    found[#found + 1] = unnamed and "NOPERM run the '" .. call[1] .. "' command" or answer.err
  end
end
for _, name in ipairs({'1', 'n', 'moved', 'h', 'l', 's', 'z', 'x'}) do redis.pcall('DEL', ARGV[1] .. ':' .. name) end
return cjson.encode(found)
`;

const TRY_WRITE = `
redis.call('SET', ARGV[1], '1', 'PX', 1000)
return redis.call('DEL', ARGV[1])
`;

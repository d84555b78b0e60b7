import { messageOf, UserError } from '../../shared/base/errors.ts';
import type { Refused } from '../../shared/redis/rights.ts';
import { type Check, type Finding, fault, halves, needed, ok, once, warning } from './check.ts';

/** What is asked of a Redis connection. */
export interface InfoRedis {
  info(section: string): Promise<string>;
}

export interface AskedRedis extends InfoRedis {
  config(operation: 'GET', name: string): Promise<unknown>;
}

export type RedisInfo = ReadonlyMap<string, string>;

export function redisChecks(
  open: () => Promise<AskedRedis>,
  { place, rights }: { readonly place: string; readonly rights: () => Promise<Refused> },
): readonly Check[] {
  const opened = once(async () => await open());
  const info = once(async (signal) => await readRedisInfo(await opened(signal)));
  const look = (name: string, found: (info: RedisInfo) => Finding): Check => ({
    name,
    whenFailed: 'warning',
    mend: MEND,
    look: async (signal) => found(await needed(info(signal), 'Redis does not tell about itself')),
  });
  return [
    {
      name: 'redis',
      whenFailed: 'fault',
      mend: MEND,
      look: async (signal) => {
        await info(signal);
        return ok(`Redis answers: ${place}.`);
      },
    },
    {
      name: 'redis-rights',
      whenFailed: 'fault',
      mend: MEND,
      look: async (signal) => {
        // Where nothing is let through, that is told by the check of Redis itself.
        await needed(opened(signal), 'Redis cannot be used');
        return redisRights(await rights());
      },
    },
    look('redis-version', redisVersion),
    look('redis-eviction', redisEviction),
    {
      ...look('redis-durability', redisAppendOnly),
      look: async (signal) => {
        const told = await needed(info(signal), 'Redis does not tell about itself');
        return redisDurability(told, await fsyncPolicy(await opened(signal)));
      },
    },
    look('redis-memory', redisMemory),
  ];
}

const MEND = 'Start Redis, or correct REDIS_URL.';

/** Pure: what was refused, by its names. */
export function redisRights({ sentences }: Refused): Finding {
  if (sentences.length === 0) return ok('Redis lets us do all that the work does.');
  const { message, mend } = halves(sentences.join(' '), RIGHTS_MEND);
  return fault(message, mend);
}

const RIGHTS_MEND = 'Give the user these rights: docs/operations.md has the line.';

/** The oldest whose commands the scripts use, and BullMQ takes. */
const OLDEST = [6, 2] as const;

export function redisVersion(info: RedisInfo): Finding {
  const version = info.get('redis_version');
  if (version === undefined) return ok('Redis does not say its version.');
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST;
  const older = major < oldestMajor || (major === oldestMajor && minor < oldestMinor);
  if (older) return fault(`Redis is version ${version}.`, `Use ${OLDEST.join('.')} or newer.`);
  return ok(`Redis is version ${version}.`);
}

export function redisEviction(info: RedisInfo): Finding {
  const policy = info.get('maxmemory_policy');
  if (policy === undefined) {
    return warning(
      'Redis does not say its eviction policy.',
      'See to it that maxmemory-policy is noeviction.',
    );
  }
  if (policy === 'noeviction') return ok('Redis evicts nothing (maxmemory-policy noeviction).');
  return fault(
    `Redis evicts keys when its memory is full (maxmemory-policy ${policy}), which would lose work in hand.`,
    'Set maxmemory-policy to noeviction.',
  );
}

/** Whether it keeps an append-only file at all: as far as `INFO` tells. */
export function redisAppendOnly(info: RedisInfo): Finding {
  if (info.get('aof_enabled') !== '0') return ok('Redis keeps an append-only file, or does not say.');
  return warning(
    'Redis keeps no append-only file: what it forgets in a crash must be rebuilt from the store.',
    'Set appendonly yes.',
  );
}

/** `fsync`: undefined where Redis does not let us ask, as managed ones do not. */
export function redisDurability(info: RedisInfo, fsync: string | undefined): Finding {
  const enabled = info.get('aof_enabled');
  if (enabled === undefined) {
    return warning(
      'Redis does not say whether it keeps an append-only file.',
      'See to it that its provider keeps what is written, over a restart too.',
    );
  }
  if (enabled === '0') return redisAppendOnly(info);
  if ((info.get('aof_last_write_status') ?? 'ok') !== 'ok') {
    return fault(
      'Redis could not write its append-only file the last time.',
      'Look at its disk: it is full or broken.',
    );
  }
  switch (fsync) {
    case 'always':
      return ok('Redis keeps an append-only file, synced before each answer (appendfsync always).');
    case undefined:
      return warning(
        'Redis keeps an append-only file; how often it is synced cannot be told, since CONFIG GET is refused and INFO does not say it.',
        'Ask its provider for appendfsync always.',
      );
    default:
      return warning(
        `Redis keeps an append-only file that is not synced before each answer (appendfsync ${fsync}): a power cut can take back the last writes.`,
        'Set appendfsync always; it is cheap here.',
      );
  }
}

const TIGHT = 0.75;
const FULL = 0.95;

export function redisMemory(info: RedisInfo): Finding {
  const used = Number(info.get('used_memory') ?? Number.NaN);
  const limit = Number(info.get('maxmemory') ?? Number.NaN);
  const machine = Number(info.get('total_system_memory') ?? Number.NaN);
  if (!Number.isFinite(used)) {
    return warning('Redis does not say how much memory it uses.', "Look at it in its provider's console.");
  }
  const room = limit > 0 ? limit : machine > 0 ? machine : undefined;
  if (room === undefined) return ok(`Redis uses ${megabytes(used)}; its limit cannot be told.`);
  const of = limit > 0 ? `its limit of ${megabytes(room)} (maxmemory)` : `the machine's ${megabytes(room)}`;
  const text = `Redis uses ${megabytes(used)} of ${of}.`;
  const share = used / room;
  if (share >= FULL) return fault(`${text} It soon refuses every write.`, 'Give it more memory.');
  if (share >= TIGHT) return warning(text, 'Give it more memory before a large list.');
  return ok(text);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(bytes < 10_485_760 ? 1 : 0)} MB`;
}

/** From `INFO` and not from `CONFIG`, which managed servers forbid. Rejects with a `UserError` where it is refused. */
export async function readRedisInfo(redis: InfoRedis): Promise<RedisInfo> {
  const texts: string[] = [];
  try {
    for (const section of ['server', 'memory', 'persistence']) texts.push(await redis.info(section));
  } catch (cause) {
    throw new UserError(
      'redis_refused',
      `Redis does not answer INFO (${messageOf(cause)}); let the user in REDIS_URL call it.`,
      { cause },
    );
  }
  return new Map(
    texts.flatMap((text) =>
      text.split(/\r?\n/).flatMap((line) => {
        const colon = line.indexOf(':');
        return colon < 1 ? [] : [[line.slice(0, colon), line.slice(colon + 1)] as const];
      }),
    ),
  );
}

async function fsyncPolicy(redis: AskedRedis): Promise<string | undefined> {
  try {
    const answer = await redis.config('GET', 'appendfsync');
    const value: unknown = Array.isArray(answer) ? answer[1] : undefined;
    return typeof value === 'string' ? value : undefined;
  } catch {
    // Refused or renamed: then it cannot be told, and that is said.
    return undefined;
  }
}

import { connect } from 'node:net';
import { Redis, type RedisOptions } from 'ioredis';
import { errorCodes, UserError } from '../base/errors.ts';
import { isDemoted, isLasting, redisRefusal } from './refusals.ts';

/** The only importer of ioredis; BullMQ opens its own connections from `redisOptions`. */

export type { Redis } from 'ioredis';

export type OnDemoted = 'tell' | 'resend';

/**
 * How BullMQ and we connect: by URL, with reconnects that never give up. After a failover a connection may stay on the
 * server that was the primary, and refuses every write by now: it is made again, since a new one finds the new primary.
 * `tell`: the refused command rejects. `resend`: it waits and is sent again; nothing of it was done.
 */
export function redisOptions(url: string, onDemoted: OnDemoted = 'tell') {
  let demotions = 0;
  let demotedAtMs = Number.NEGATIVE_INFINITY;
  const { hostname, port, username, password, pathname, protocol } = new URL(url);
  const db = Number(pathname.slice(1) || '0');
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port || '6379'),
    ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    ...(password === '' ? {} : { password: decodeURIComponent(password) }),
    ...(Number.isInteger(db) && db > 0 ? { db } : {}),
    ...(protocol === 'rediss:' ? { tls: {} } : {}),
    // A worker outlives a Redis restart: commands wait until it is back. BullMQ asks for the same.
    maxRetriesPerRequest: null,
    // By default a connection that never came up keeps the process two seconds longer.
    disconnectTimeout: 200,
    retryStrategy: (times: number) =>
      // Where the address still leads to a replica, each new connection is refused as soon as it stands.
      Math.max(
        Math.min(50 * 2 ** Math.min(times, 6), 2_000),
        performance.now() - demotedAtMs < DEMOTED_MS ? Math.min(50 * 2 ** demotions, 1_000) : 0,
      ),
    reconnectOnError(error: Error): false | 1 | 2 {
      if (!isDemoted(error)) return false;
      demotions = performance.now() - demotedAtMs < DEMOTED_MS ? Math.min(demotions + 1, 6) : 1;
      demotedAtMs = performance.now();
      return onDemoted === 'resend' ? 2 : 1;
    },
  } satisfies RedisOptions;
}

/** A refusal as a replica so long after the last is of another failover. */
const DEMOTED_MS = 10_000;

/**
 * Opens a connection and waits until Redis answers. Rejects with a `UserError` that names the address (never the
 * password) when it does not within `timeoutMs`, or refuses us.
 */
export async function openRedis(
  url: string,
  { timeoutMs = 5_000, onDemoted }: { readonly timeoutMs?: number; readonly onDemoted?: OnDemoted } = {},
): Promise<Redis> {
  const redis = new Redis({ ...redisOptions(url, onDemoted), lazyConnect: true });
  let last: unknown;
  redis.on('error', (error) => {
    // ioredis repeats the connection by itself; the last reason is told when the time is up.
    last = error;
  });
  const timer = new Promise<'late'>((resolve) => setTimeout(resolve, timeoutMs, 'late').unref());
  try {
    const outcome = await Promise.race([redis.connect().then(() => redis.ping()), timer, failed(redis)]);
    if (outcome === 'late') throw last ?? (await whyLate(url)) ?? new Error('no answer');
    return redis;
  } catch (error) {
    redis.disconnect();
    if (redisRefusal(error) !== undefined) throw redisFault(url, error);
    // A refused connection is told as "closed"; the reason came before, as an event, or was lost with the connection.
    throw redisFault(
      url,
      redisRefusal(last) === undefined ? ((await whyBroken(url)) ?? last ?? error) : last,
    );
  }
}

/** What a reconnect does not mend, such as wrong credentials or a certificate: rejects at once on those. */
function failed(redis: Redis): Promise<never> {
  return new Promise((_, reject) => {
    redis.on('error', (error: Error) => {
      const refusal = redisRefusal(error);
      if (refusal !== undefined && isLasting(refusal)) reject(error);
    });
  });
}

/** The client waits in silence for a Redis that loads its data: asks once, without its patience. */
async function whyLate(url: string): Promise<unknown> {
  const { retryStrategy, ...options } = redisOptions(url);
  const redis = new Redis({
    ...options,
    lazyConnect: true,
    enableReadyCheck: false,
    retryStrategy: () => null,
    connectTimeout: LATE_MS,
    commandTimeout: LATE_MS,
  });
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    await redis.ping();
    return undefined;
  } catch (error) {
    return redisRefusal(error) === undefined ? undefined : error;
  } finally {
    redis.disconnect();
  }
}

/** A server that has too many clients says so and hangs up; one without TLS never answers to it. */
async function whyBroken(url: string): Promise<Error | undefined> {
  const { host, port } = redisOptions(url);
  const words = await firstWords({ hostname: host, port }, LATE_MS);
  if (words === undefined) return undefined;
  if (new URL(url).protocol === 'rediss:') return new Error('ERR_SSL_WRONG_VERSION_NUMBER');
  // A password is asked for by a server that works: then it was something else.
  return words.startsWith('-') && !words.startsWith('-NOAUTH') ? new Error(words) : undefined;
}

const LATE_MS = 500;

function redisFault(url: string, error: unknown): UserError {
  const { hostname, port } = new URL(url);
  const where = `${hostname}:${port || '6379'}`;
  const refusal = redisRefusal(error);
  if (refusal !== undefined) {
    const { code, says, mend } = refusal;
    return new UserError(code, `${says} (${where}); ${mend}.`, { cause: error });
  }
  const code = errorCodes(error).find((name) => /^E[A-Z]+$/.test(name)) ?? 'no answer';
  return new UserError(
    'redis_away',
    `Redis at ${where} does not answer (${code}); start it or correct REDIS_URL.`,
    {
      cause: error,
    },
  );
}

/**
 * What a server that does not take us answers to a `PING` without any client, password or TLS: its first line; undefined
 * where it says nothing in time. A client loses these words when the server closes the connection behind them.
 */
export function firstWords(
  { hostname, port }: { readonly hostname: string; readonly port: number },
  timeoutMs: number,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port });
    let text = '';
    const end = () => {
      socket.destroy();
      const [line = ''] = text.split('\r\n');
      resolve(/^[+-]/.test(line) ? line : undefined);
    };
    socket.setTimeout(timeoutMs, end);
    socket.on('error', end);
    socket.on('close', end);
    socket.on('connect', () => socket.write('PING\r\n'));
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (text.includes('\r\n') || text.length > MOST) end();
    });
  });
}

const MOST = 1_000;

import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { describe, expect, it } from '@jest/globals';
import { openRedis } from '../../../../src/shared/redis/redis.ts';
import { tryRights } from '../../../../src/shared/redis/rights.ts';
import { logLines } from '../../../support/log-lines.ts';
import { ownRedis, userOfDocs } from '../../../support/own-redis.ts';
import { when } from '../../../support/program.ts';
import { SELF_SIGNED } from '../../../support/self-signed.ts';
import { openWorkshop } from '../../../support/workshop.ts';

const ROW = [{ id: 'A', prompt: 'A mug', quality: 'low' }];

/** What a start says of a Redis at that address, after its look at the rights. */
async function said(url: string): Promise<string> {
  try {
    const redis = await openRedis(url, { timeoutMs: 2_000 });
    try {
      return (await tryRights({ redis, prefix: '{t-said}' })).sentences.join('\n');
    } finally {
      redis.disconnect();
    }
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function listening(server: Server): Promise<AsyncDisposable & { readonly port: number }> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // A server that listens on TCP has an AddressInfo.
  const { port } = server.address() as AddressInfo;
  return {
    port,
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe('a Redis that refuses at the start is told in one sentence', () => {
  it('without a password, with a wrong one, and with too many clients', async () => {
    await using own = await ownRedis();
    const { port, url } = own.server;
    expect(await said(`redis://127.0.0.1:${port}`)).toBe(
      `Redis wants a password (NOAUTH) (127.0.0.1:${port}); set it in REDIS_URL.`,
    );
    expect(await said(`redis://:wrong@127.0.0.1:${port}`)).toBe(
      `Redis refuses the user or password in REDIS_URL (WRONGPASS) (127.0.0.1:${port}); correct them.`,
    );
    expect(await said(`${url}/99`)).toContain('does not have the database that REDIS_URL names');
    await own.admin.config('SET', 'maxclients', '1');
    expect(await said(url)).toContain('too many clients already (maxclients)');
  });

  it('with a full memory, as a replica, and as a replica that has lost its primary', async () => {
    await using own = await ownRedis();
    const { url } = own.server;
    await own.admin.config('SET', 'maxmemory', '1');
    expect(await said(url)).toBe(
      'Redis is full (OOM) and refuses every write; give it more memory (maxmemory).',
    );
    await own.admin.config('SET', 'maxmemory', '0');
    await own.admin.replicaof('127.0.0.1', '1');
    expect(await said(url)).toContain('Redis is a replica (READONLY)');
    await own.admin.config('SET', 'replica-serve-stale-data', 'no');
    expect(await said(url)).toContain('has lost its primary (MASTERDOWN)');
  });

  it('with a certificate that nobody trusts, or without TLS where rediss is asked for', async () => {
    await using own = await ownRedis();
    expect(await said(own.server.url.replace('redis:', 'rediss:'))).toContain('does not speak TLS');
    await using tls = await listening(createTlsServer(SELF_SIGNED));
    expect(await said(`rediss://127.0.0.1:${tls.port}`)).toContain("Redis's certificate is not trusted");
  });

  it('while it loads its data, and in cluster mode: by a server that says so to everything', async () => {
    for (const [answer, words] of [
      ['-LOADING Redis is loading the dataset in memory', 'still loading its data (LOADING)'],
      ['-MOVED 3999 127.0.0.1:6381', 'cluster mode (MOVED)'],
    ]) {
      await using fake = await listening(
        createServer((socket) => {
          socket.on('error', () => undefined);
          socket.on('data', (bytes) => {
            const commands = bytes.toString().match(/^\*\d+/gm) ?? [];
            socket.write(`${answer}\r\n`.repeat(commands.length));
          });
        }),
      );
      expect(await said(`redis://127.0.0.1:${fake.port}`)).toContain(words);
    }
  });
});

describe('a Redis that refuses later', () => {
  it.each([
    ['a right to run scripts', 'EVAL', ['-eval', '-evalsha']],
    ['a right to wait for a job', 'BZPOPMIN', ['-bzpopmin']],
  ])(
    'takes %s away: the worker is not ready, says so a few times, and goes on by itself',
    async (_, name, changes) => {
      await using own = await ownRedis();
      const prefix = '{t-later}';
      await userOfDocs(own, 'shop', { prefix });
      const { log, lines } = logLines();
      const redis = {
        url: own.urlOf('shop'),
        prefix,
        client: own.admin,
        [Symbol.asyncDispose]: async () => {},
      };
      await using shop = await openWorkshop({ redis, log });
      await using work = await shop.startWorker();
      expect(work.redisFaults()).toEqual([]);

      await userOfDocs(own, 'shop', { prefix, changes });
      await when(() => work.redisFaults().some((fault) => fault.includes(name)));
      const from = performance.now();
      await when(() => performance.now() - from > 3_000);
      expect(work.redisFaults().join(' ')).toMatch(/does not let the user in REDIS_URL run/);
      // Each queue once, the look once, and what else repeats once.
      expect(lines.length).toBeLessThan(25);

      await userOfDocs(own, 'shop', { prefix });
      await when(() => work.redisFaults().length === 0);
      const batch = await shop.enqueueRows(ROW);
      expect((await shop.untilEnded(batch)).counts).toMatchObject({ delivered: 1 });
    },
  );

  it('is full: the worker is not ready, and goes on once there is room', async () => {
    await using own = await ownRedis();
    const { log, lines } = logLines();
    const redis = {
      url: own.server.url,
      prefix: '{t-full}',
      client: own.admin,
      [Symbol.asyncDispose]: async () => {},
    };
    await using shop = await openWorkshop({ redis, log });
    await using work = await shop.startWorker();
    await own.admin.config('SET', 'maxmemory', '1');
    await when(() => work.redisFaults().some((fault) => fault.includes('OOM')));
    expect(lines.length).toBeLessThan(25);
    await own.admin.config('SET', 'maxmemory', '0');
    await when(() => work.redisFaults().length === 0);
    const batch = await shop.enqueueRows(ROW);
    expect((await shop.untilEnded(batch)).counts).toMatchObject({ delivered: 1 });
  });
});

import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { Redis } from 'ioredis';
import { startRedis } from '../../src/local/redis.ts';
import { Closers } from '../../src/shared/base/disposables.ts';
import { when } from './program.ts';
import type { TestRedis } from './redis.ts';
import { tempFolder } from './temp-folder.ts';

/** A real primary with a real replica, behind one address, as a managed Redis is. */
export interface Pair extends TestRedis {
  /** The client's own connection stays with the first server. */
  readonly client: Redis;
  /**
   * The replica becomes the primary, and the primary its replica. New connections go there; those that stand stay where
   * they are, on a server that refuses writes.
   */
  failOver(): Promise<void>;
}

const PASSWORD = 'pair-word';

export async function startPair(prefix: string): Promise<Pair> {
  const closers = new Closers();
  const start = async () => {
    const folder = closers.use(await tempFolder());
    const server = closers.use(await startRedis({ folder: folder.path, password: PASSWORD }));
    const client = new Redis(server.url);
    closers.defer(() => client.disconnect());
    await client.config('SET', 'masterauth', PASSWORD);
    await client.config('SET', 'repl-diskless-sync-delay', '0');
    return { client, port: server.port };
  };
  const first = await start();
  const second = await start();
  await second.client.replicaof('127.0.0.1', first.port);
  await inStep(second.client);
  let target = first.port;
  const gate = closers.use(await startGate(() => target));
  return {
    url: `redis://:${PASSWORD}@127.0.0.1:${gate.port}`,
    prefix,
    client: first.client,
    async failOver() {
      // Writes wait until the replica has them all: what an uncoordinated failover loses is another test's matter.
      await first.client.call('FAILOVER');
      let ended = false;
      const look = setInterval(async () => {
        ended = (await second.client.info('replication')).includes('role:master');
      }, 5);
      await when(() => ended);
      clearInterval(look);
      target = second.port;
    },
    [Symbol.asyncDispose]: () => closers[Symbol.asyncDispose](),
  };
}

async function inStep(replica: Redis): Promise<void> {
  let up = false;
  const look = setInterval(async () => {
    up = (await replica.info('replication')).includes('master_link_status:up');
  }, 20);
  try {
    await when(() => up);
  } finally {
    clearInterval(look);
  }
}

/** Forwards each new connection to the port of the moment. */
async function startGate(port: () => number): Promise<AsyncDisposable & { readonly port: number }> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const target = connect(port(), '127.0.0.1');
    for (const [from, to] of [
      [client, target],
      [target, client],
    ] as const) {
      sockets.add(from);
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  return {
    port: address.port,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      if (server.listening) await once(server, 'close');
    },
  };
}

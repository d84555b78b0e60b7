import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { RENDER_STACK, type RenderStack } from '../../src/app/render-stack.ts';
import { tempFolder } from '../support/temp-folder.ts';

const root = join(import.meta.dirname, '..', '..');
/** What BullMQ forks; its commands are numbers (enums/child-command.ts). */
const BULLMQ_CHILD = createRequire(import.meta.url)
  .resolve('bullmq')
  .replace(/index\.js$/, 'classes/main.js');
const INIT = 0;
const START = 1;

/** Takes connections and says nothing, as a Redis behind a cut line. */
async function silentRedis() {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  return {
    port,
    asked: once(server, 'connection'),
    hangUp: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

describe('a render child of the built program', () => {
  it('ends when its worker dies while it still waits for Redis', async () => {
    await using folder = await tempFolder();
    const redis = await silentRedis();
    const stack: RenderStack = {
      redisUrl: `redis://127.0.0.1:${redis.port}`,
      prefix: '{shotlist}',
      store: { kind: 'folder', folder: folder.path },
      recordTtlH: 1,
      stopAfterFailures: 5,
      log: { level: 'silent', format: 'json' },
    };
    const child = fork(BULLMQ_CHILD, {
      env: { ...process.env, [RENDER_STACK]: JSON.stringify(stack) },
      execArgv: [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const ended = once(child, 'exit');
    try {
      child.send({ cmd: INIT, value: join(root, 'dist', 'app', 'render-child-main.js') });
      await once(child, 'message');
      const job = { id: 'r-0', data: JSON.stringify({ v: 1, request: 'b.0.0' }), opts: {} };
      child.send({ cmd: START, job, token: 't' });
      await redis.asked;

      // As the death of the worker does; then the line is cut, and what waits for it fails.
      child.disconnect();
      redis.hangUp();

      expect(await ended).toEqual([null, 'SIGKILL']);
    } finally {
      child.kill('SIGKILL');
      redis.hangUp();
      await ended;
    }
  }, 20_000);
});

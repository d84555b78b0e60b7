import { randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { messageOf, UserError } from '../shared/base/errors.ts';
import { claimGeneration, rewriteGeneration } from './generation-file.ts';
import type { LocalRedis } from './redis.ts';
import {
  helloSchema,
  type LocalFal,
  onFirstLine,
  parseLine,
  STACK_FILE,
  type StackAddress,
  type StackAnswer,
  sendLine,
} from './stack-protocol.ts';

export interface SupervisorDeps {
  /** With the former port and password after an unexpected end, so that clients find it again. */
  readonly startRedis: (again?: { readonly port: number; readonly password: string }) => Promise<LocalRedis>;
  readonly startFal: () => Promise<LocalFal & AsyncDisposable>;
  readonly log: (event: string) => void;
}

export interface SupervisorOptions {
  readonly folder: string;
  /** The number of the address file that was found without a living supervisor behind it; 0 for none. */
  readonly after: number;
  /** How long to wait for the first user: whoever started this may have been killed meanwhile. */
  readonly firstUserMs: number;
  /** Closes the stack under its users. */
  readonly signal: AbortSignal;
}

const MAX_RESTARTS = 5;

/**
 * Runs the local stack of a folder: listens, claims the folder, starts Redis (and, for the first user that asks, the fal
 * simulator), and resolves after the last user's connection has gone and both have ended. A connection is a lease: the
 * system closes it even when its process is killed. Resolves at once when another supervisor has the folder. The caller
 * ends its process then, and with it the connections of those who wait for that.
 */
export async function superviseStack(options: SupervisorOptions, deps: SupervisorDeps): Promise<void> {
  const { folder, after } = options;
  const token = randomBytes(24).toString('hex');
  // Half-open: who ends its side waits on the other for the end of the stack, if it was the last user.
  const server = createServer({ allowHalfOpen: true });
  const parts = stackParts(deps);
  const users = new Set<Socket>();
  let closing = false;
  let close: () => void = () => undefined;
  const unused = new Promise<void>((resolve) => {
    close = () => {
      closing = true;
      resolve();
    };
  });
  options.signal.addEventListener('abort', close, { once: true });

  const greet = async (socket: Socket, line: string) => {
    const hello = parseLine(helloSchema, line);
    if (hello === undefined || !sameToken(hello.token, token)) {
      socket.destroy();
      return;
    }
    if (closing) {
      sendLine(socket, { kind: 'closing' } satisfies StackAnswer);
      socket.end();
      return;
    }
    users.add(socket);
    const leave = () => {
      if (users.delete(socket) && users.size === 0) close();
    };
    socket.on('close', leave);
    socket.on('end', () => {
      leave();
      // The last one's connection stays half open until this process ends, which is what that user waits for.
      if (!closing) socket.end();
    });
    sendLine(socket, await parts.answer(hello.simulate));
  };

  // Before the address is told: a user may connect the moment the file is there.
  server.on('connection', (socket) => {
    socket.on('error', () => socket.destroy());
    onFirstLine(socket, (line) => void greet(socket, line));
  });

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('no TCP address');
  const address: StackAddress = { pid: process.pid, port: bound.port, token, closed: false };
  const number = after + 1;
  if (!(await claimGeneration(folder, STACK_FILE, after, JSON.stringify(address)))) {
    server.close();
    return;
  }
  const firstUser = setTimeout(() => {
    if (users.size === 0) close();
  }, options.firstUserMs);
  // Started now and not for the first user: that one is on its way.
  void parts.answer(false);
  await unused;
  clearTimeout(firstUser);
  server.close();
  await parts.close();
  await rewriteGeneration(folder, STACK_FILE, number, JSON.stringify({ ...address, closed: true }));
}

function stackParts(deps: SupervisorDeps) {
  let redis: Promise<LocalRedis> | undefined;
  let fal: Promise<LocalFal & AsyncDisposable> | undefined;
  let stopping = false;

  const watch = async (started: LocalRedis, restarts: number) => {
    await started.exited;
    if (stopping) return;
    deps.log('redis-server ended by itself');
    await started.stop();
    if (restarts === MAX_RESTARTS) return;
    const { port, password } = started;
    redis = deps.startRedis({ port, password });
    redis.then(
      (next) => watch(next, restarts + 1),
      (error) => deps.log(messageOf(error)),
    );
  };

  const start = async () => {
    const started = await deps.startRedis();
    void watch(started, 0);
    return started;
  };

  return {
    async answer(simulate: boolean): Promise<StackAnswer> {
      try {
        redis ??= start();
        const { url } = await redis;
        if (!simulate) return { kind: 'ready', redisUrl: url };
        fal ??= deps.startFal();
        const { queueUrl, apiUrl, mediaHosts, key, adminKey } = await fal;
        return { kind: 'ready', redisUrl: url, fal: { queueUrl, apiUrl, mediaHosts, key, adminKey } };
      } catch (error) {
        deps.log(error instanceof Error ? (error.stack ?? error.message) : messageOf(error));
        const code = error instanceof UserError ? error.code : 'local_stack';
        return { kind: 'failed', code, message: messageOf(error) };
      }
    },

    async close(): Promise<void> {
      stopping = true;
      // The simulator first: nothing new comes into being while Redis ends. A part that never started has no end.
      for (const part of [fal, redis]) {
        try {
          await (await part)?.[Symbol.asyncDispose]();
        } catch (error) {
          deps.log(messageOf(error));
        }
      }
    },
  };
}

function sameToken(given: string, token: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(token)];
  return a.length === b.length && timingSafeEqual(a, b);
}

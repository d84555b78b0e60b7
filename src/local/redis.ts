import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { open, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { environmentFor } from '../shared/base/child-env.ts';
import { errorCodes, UserError } from '../shared/base/errors.ts';
import { type Logger, silentLogger } from '../shared/base/log.ts';
import { privateFolder } from '../shared/base/private-folder.ts';
import { projectRoot } from '../shared/base/project-root.ts';
import { sleep } from '../shared/base/time.ts';
import { findRedisServer } from './redis-binary.ts';
import { claimRedisFolder, type FolderClaim } from './redis-folder.ts';
import { askRedis } from './redis-inline.ts';

/** A private redis-server: loopback only, a password of its own, everything it keeps in one folder. */
export interface LocalRedis {
  /** `redis://:password@127.0.0.1:port`; a secret. */
  readonly url: string;
  readonly port: number;
  readonly password: string;
  readonly pid: number;
  /** Resolves when the server has ended, for whatever reason. */
  readonly exited: Promise<void>;
  /** Ends the server and waits for it. What it holds stays in the folder. Safe to call twice. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface RedisOptions {
  /** Made when missing. One server at a time; started again in the same folder, it has what it had. */
  readonly folder: string;
  /** Default: a free one. With the former port and password clients find a restarted server again. */
  readonly port?: number;
  readonly password?: string;
  readonly log?: Logger;
  /** The project's folder, where `npm run setup` unpacks a server. */
  readonly root?: string;
}

const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 10_000;
const POLL_MS = 10;
/** Between choosing a free port and Redis taking it, someone else may. */
const PORT_ATTEMPTS = 5;

/**
 * Starts a server on the folder and resolves once it answers. Rejects with a `UserError`: `redis_missing` (no server
 * program), `redis_folder_in_use` (a living process has one there), `redis_start` (it ended or never answered).
 */
export async function startRedis(options: RedisOptions): Promise<LocalRedis> {
  const { folder, root = projectRoot(), log = silentLogger } = options;
  const command = findRedisServer({ root });
  if (command === undefined) {
    throw new UserError(
      'redis_missing',
      'No redis-server or valkey-server of version 6.2 or newer was found; `npm run setup` brings one.',
    );
  }
  await privateFolder(folder);
  const password = options.password ?? randomBytes(24).toString('hex');
  const claim = await claimRedisFolder(folder);
  try {
    for (let attempt = 1; ; attempt += 1) {
      const port = options.port ?? (await freePort());
      await claim.say({ port, password });
      const server = await launch({ command, folder, port, password });
      if (server.failure === undefined) {
        log.debug({ port, pid: server.child.pid, folder }, 'redis-server started');
        return handle({ child: server.child, port, password, claim });
      }
      const taken = /address already in use/i.test(server.failure);
      if (!taken || options.port !== undefined || attempt === PORT_ATTEMPTS) {
        throw new UserError('redis_start', `redis-server did not start in ${folder}: ${server.failure}`);
      }
    }
  } catch (error) {
    await claim.release();
    throw error;
  }
}

interface Launch {
  readonly command: string;
  readonly folder: string;
  readonly port: number;
  readonly password: string;
}

/** The end of a failed start is told by `failure`: the last lines that the server wrote. */
async function launch({
  command,
  folder,
  port,
  password,
}: Launch): Promise<{ readonly child: ChildProcess; readonly failure: string | undefined }> {
  // In a file of this user alone: arguments are seen by everyone on the machine.
  await writeFile(join(folder, 'redis.conf'), configuration(port, password), { mode: 0o600 });
  const logPath = join(folder, 'redis.log');
  const logFile = await open(logPath, 'w', 0o600);
  // The folder is the working directory, so that its path needs no quoting in the configuration.
  const child = spawn(command, ['redis.conf'], {
    cwd: folder,
    env: environmentFor('program'),
    stdio: ['ignore', logFile.fd, logFile.fd],
  });
  const ended = endOf(child);
  await logFile.close();
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (hasNotEnded(child) && Date.now() < deadline) {
    if ((await askRedis({ port, password }, 'PING')) === '+PONG') return { child, failure: undefined };
    await Promise.race([sleep(POLL_MS), ended]);
  }
  const late = hasNotEnded(child) && child.pid !== undefined;
  child.kill('SIGKILL');
  const fault = await ended;
  const lines = (await readFile(logPath, 'utf8')).split('\n').filter((line) => line.trim() !== '');
  const told = [fault, ...lines.slice(-3)].filter((line) => line !== undefined).join(' ');
  return { child, failure: late ? `no answer in ${START_TIMEOUT_MS / 1_000} s. ${told}` : told };
}

/**
 * `always`: Redis syncs before it answers, once for all commands that came in together, so that a power cut cannot
 * take back a reservation that an intent was written under. It is cheap here: 0.3 ms for a lone command, and 2,000
 * no-op jobs in 0.25 s where `everysec` takes 0.16 s, against seconds for one picture.
 */
function configuration(port: number, password: string): string {
  return [
    `port ${port}`,
    'bind 127.0.0.1',
    'protected-mode yes',
    `requirepass ${password}`,
    'daemonize no',
    'appendonly yes',
    'appendfsync always',
    'save ""',
    'maxmemory-policy noeviction',
    'set-proc-title no',
    '',
  ].join('\n');
}

function handle({
  child,
  port,
  password,
  claim,
}: {
  readonly child: ChildProcess;
  readonly port: number;
  readonly password: string;
  readonly claim: FolderClaim;
}): LocalRedis {
  const exited = endOf(child).then(() => undefined);
  // A process that ends without stopping it (an uncaught error) leaves no server behind.
  const killWithUs = () => child.kill('SIGTERM');
  process.once('exit', killWithUs);
  let stopping: Promise<void> | undefined;
  const stop = async () => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
    process.off('exit', killWithUs);
    await claim.release();
  };
  const stopOnce = () => {
    stopping ??= stop();
    return stopping;
  };
  return {
    url: `redis://:${password}@127.0.0.1:${port}`,
    port,
    password,
    // `launch` saw it answer, so it has one.
    pid: child.pid ?? 0,
    exited,
    stop: stopOnce,
    [Symbol.asyncDispose]: stopOnce,
  };
}

/** Resolves with the reason when the program could not be started at all. */
async function endOf(child: ChildProcess): Promise<string | undefined> {
  if (!hasNotEnded(child)) return undefined;
  try {
    await once(child, 'exit');
    return undefined;
  } catch (error) {
    return `It could not be started (${errorCodes(error)[0] ?? 'unknown'}).`;
  }
}

function hasNotEnded(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  return address.port;
}

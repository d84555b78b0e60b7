import { spawn } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { connect, type Socket } from 'node:net';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { environmentFor } from '../shared/base/child-env.ts';
import { UserError } from '../shared/base/errors.ts';
import { privateFolder } from '../shared/base/private-folder.ts';
import { sleep } from '../shared/base/time.ts';
import { readGeneration } from './generation-file.ts';
import { isProcessAlive } from './process-alive.ts';
import {
  addressSchema,
  answerSchema,
  type LocalFal,
  onFirstLine,
  parseLine,
  STACK_FILE,
  type StackAddress,
  sendLine,
} from './stack-protocol.ts';

export type { LocalFal } from './stack-protocol.ts';

/** A use of a folder's Redis and, in simulated work, its fal simulator, shared with every other process that opened it. */
export interface LocalStack {
  /** A secret: holds the password. */
  readonly redisUrl: string;
  /** Only when it was asked for. */
  readonly fal: LocalFal | undefined;
  /** Aborts, with a `UserError`, when the stack is lost while in use (its supervisor was killed). */
  readonly lost: AbortSignal;
  /** Gives the lease back. The last user waits until all processes of the stack have ended, at most some seconds. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface LocalStackOptions {
  /** `.shotlist/`, or `.shotlist/sim/` for simulated work. */
  readonly folder: string;
  readonly simulate: boolean;
  readonly signal?: AbortSignal;
}

const OPEN_TIMEOUT_MS = 45_000;
/** A supervisor that no longer listens is ending; longer than that takes, its process id belongs to a stranger. */
const ENDING_TIMEOUT_MS = 15_000;
const DISPOSE_TIMEOUT_MS = 5_000;
const POLL_MS = 30;

/**
 * Joins the stack of a folder, or starts it. Any number of processes may do so at once: one supervisor comes of it.
 * Rejects with a `UserError` that says what is wrong, and with the signal's reason when it aborts.
 */
export async function openLocalStack(options: LocalStackOptions): Promise<LocalStack> {
  const { simulate, signal } = options;
  const folder = resolve(options.folder);
  await privateFolder(folder);
  const giveUpAt = Date.now() + OPEN_TIMEOUT_MS;
  let endingSince: { readonly number: number; readonly ms: number } | undefined;
  while (Date.now() < giveUpAt) {
    signal?.throwIfAborted();
    const latest = await readGeneration(folder, STACK_FILE);
    const address = latest === undefined ? undefined : parseLine(addressSchema, latest.text);
    const number = latest?.number ?? 0;
    if (address !== undefined && !address.closed) {
      const stack = await joinStack(address, { simulate, signal });
      if (stack !== undefined) return stack;
      if (endingSince?.number !== number) endingSince = { number, ms: Date.now() };
      if (isProcessAlive(address.pid) && Date.now() - endingSince.ms < ENDING_TIMEOUT_MS) {
        await sleep(POLL_MS, signal);
        continue;
      }
    }
    await startSupervisor(folder, number, signal);
  }
  throw new UserError(
    'local_stack',
    `The embedded Redis in ${folder} did not get ready in ${OPEN_TIMEOUT_MS / 1_000} s; ${logHint(folder)}.`,
  );
}

/** undefined: nobody listens there, or it is closing. */
function joinStack(
  address: StackAddress,
  { simulate, signal }: { readonly simulate: boolean; readonly signal: AbortSignal | undefined },
): Promise<LocalStack | undefined> {
  return new Promise((resolveJoin, reject) => {
    const socket = connect({ host: '127.0.0.1', port: address.port });
    const abort = () => {
      socket.destroy();
      reject(signal?.reason);
    };
    const timer = setTimeout(() => socket.destroy(), OPEN_TIMEOUT_MS);
    signal?.addEventListener('abort', abort, { once: true });
    const settle = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    };
    socket.on('error', () => socket.destroy());
    const closed = () => {
      settle();
      resolveJoin(undefined);
    };
    socket.once('close', closed);
    socket.on('connect', () => sendLine(socket, { token: address.token, simulate }));
    onFirstLine(socket, (line) => {
      const answer = parseLine(answerSchema, line);
      if (answer?.kind !== 'ready') {
        socket.destroy();
        if (answer?.kind !== 'failed') return;
        settle();
        reject(new UserError(answer.code, answer.message));
        return;
      }
      settle();
      socket.off('close', closed);
      resolveJoin(lease(socket, answer));
    });
  });
}

function lease(
  socket: Socket,
  { redisUrl, fal }: { readonly redisUrl: string; readonly fal?: LocalFal | undefined },
): LocalStack {
  // A lease alone is no reason to keep a process that has nothing left to do.
  socket.unref();
  const lost = new AbortController();
  const gone = new Promise<void>((resolveGone) => socket.once('close', () => resolveGone()));
  let leaving: Promise<void> | undefined;
  void gone.then(() => {
    if (leaving === undefined) {
      lost.abort(new UserError('local_stack', 'The embedded Redis ended while it was in use; run it again.'));
    }
  });
  const leave = async () => {
    socket.ref();
    socket.end();
    const timer = setTimeout(() => socket.destroy(), DISPOSE_TIMEOUT_MS);
    await gone;
    clearTimeout(timer);
  };
  return {
    redisUrl,
    fal,
    lost: lost.signal,
    [Symbol.asyncDispose]: () => {
      leaving ??= leave();
      return leaving;
    },
  };
}

/** Resolves once there is a new address file, or this supervisor lost the race for it. */
async function startSupervisor(
  folder: string,
  after: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const logFile = await open(join(folder, 'stack.log'), 'a', 0o600);
  // Detached: a session of its own, so that the terminal's Ctrl-C does not reach it.
  const child = spawn(
    process.execPath,
    [...supervisorArguments(), '--folder', folder, '--after', String(after)],
    {
      cwd: folder,
      detached: true,
      env: environmentFor('node'),
      stdio: ['ignore', logFile.fd, logFile.fd],
    },
  );
  child.unref();
  await logFile.close();
  let ended: { readonly fault: string | undefined } | undefined;
  child.once('error', (error) => {
    ended = { fault: error.message };
  });
  child.once('exit', (code) => {
    ended = {
      fault: code === 0 || child.killed ? undefined : `its supervisor ended with ${code ?? 'a signal'}`,
    };
  });
  while (ended === undefined) {
    const latest = await readGeneration(folder, STACK_FILE);
    if (latest !== undefined && latest.number > after) {
      // Somebody else's is there, and this one can only find that out: it need not go on.
      if (parseLine(addressSchema, latest.text)?.pid === child.pid) return;
      child.kill('SIGTERM');
    }
    await sleep(POLL_MS, signal);
  }
  if (ended.fault === undefined) return;
  throw new UserError(
    'local_stack',
    `The embedded Redis in ${folder} could not be started: ${ended.fault}; ${logHint(folder)}. Last line: ${await lastLine(folder)}`,
  );
}

/** The same file in src/ (run by tsx, as this one is) and in dist/. */
function supervisorArguments(): string[] {
  if (!import.meta.url.endsWith('.ts')) return [fileURLToPath(new URL('./stack-main.js', import.meta.url))];
  const tsx = createRequire(import.meta.url).resolve('tsx');
  return ['--import', pathToFileURL(tsx).href, fileURLToPath(new URL('./stack-main.ts', import.meta.url))];
}

function logHint(folder: string): string {
  return `${join(folder, 'stack.log')} says why`;
}

async function lastLine(folder: string): Promise<string> {
  const text = await readFile(join(folder, 'stack.log'), 'utf8');
  return text.trim().split('\n').at(-1) ?? '';
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { extname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ProcessSpec } from './spec.ts';

/** A worker, a producer or an operator's command of its own, started by the harness and ended by it. */
export interface ChaosProcess extends AsyncDisposable {
  readonly pid: number;
  readonly hasEnded: () => boolean;
  /** Ended by a SIGKILL, its own included. */
  readonly wasKilled: () => boolean;
  /** Resolves when it is gone, by whatever. */
  readonly ended: Promise<void>;
  /** Has written `ready`. */
  readonly isReady: () => boolean;
  /** Stopped by SIGSTOP just now. */
  readonly isStopped: () => boolean;
  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' | 'SIGTERM'): void;
  /** Its render children. */
  children(): number[];
}

export async function startProcess(
  kind: 'worker' | 'producer' | 'operator',
  spec: ProcessSpec,
  logFile: string,
): Promise<ChaosProcess> {
  // `npm run chaos` compiles the harness; in a test it is as it was written.
  const suffix = extname(import.meta.url);
  const main = fileURLToPath(new URL(`./${kind}-main${suffix}`, import.meta.url));
  const loader = suffix === '.ts' ? ['--import', 'tsx'] : [];
  const log = await open(logFile, 'a');
  const child = spawn(process.execPath, [...loader, main, JSON.stringify(spec)], {
    // Where `tsx` is found from.
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    stdio: ['ignore', log.fd, log.fd],
    env: { PATH: process.env['PATH'], TZ: process.env['TZ'] },
  });
  // A harness that is interrupted leaves no process behind, stopped ones included.
  const killWithUs = () => child.kill('SIGKILL');
  process.once('exit', killWithUs);
  const ended = once(child, 'exit').then(() => {
    process.off('exit', killWithUs);
  });
  await log.close();
  const { pid } = child;
  if (pid === undefined) throw new Error('a chaos process did not start');
  return {
    pid,
    ended,
    hasEnded: () => isOver(child),
    wasKilled: () => child.signalCode === 'SIGKILL',
    isReady: () => /^ready$/m.test(readFileSync(logFile, 'utf8')),
    isStopped: () => !isOver(child) && stateOf(pid) === 'T',
    signal(name) {
      if (!isOver(child)) child.kill(name);
    },
    children: () => childrenOf(pid),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      if (!isOver(child)) await ended;
    },
  };
}

const REACH_LIMIT_MS = 60_000;

/** Resolves to true when it has ended or stopped, to false when that has become out of the question. */
export async function untilDead(
  { hasEnded, isStopped }: ChaosProcess,
  isOver: () => Promise<boolean> = async () => false,
): Promise<boolean> {
  const limitMs = performance.now() + REACH_LIMIT_MS;
  while (!hasEnded() && !isStopped()) {
    if (performance.now() > limitMs || (await isOver())) return false;
    await delay(10);
  }
  return true;
}

function isOver(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function stateOf(pid: number): string | undefined {
  try {
    return /^\d+ \(.*\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1];
  } catch {
    // Gone in this moment.
    return undefined;
  }
}

function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return text.split(' ').filter(Boolean).map(Number);
  } catch {
    // Gone in this moment.
    return [];
  }
}

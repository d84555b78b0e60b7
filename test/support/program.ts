import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { tempFolder } from './temp-folder.ts';

export const ROOT = join(import.meta.dirname, '../..');
export const EXAMPLE = join(ROOT, 'examples/catalog.csv');
const PROGRAM = join(ROOT, 'dist/cli/main.js');

export type Env = Readonly<Record<string, string>>;

export interface StartOptions {
  readonly cwd: string;
  readonly env?: Env;
  /** Its standard input; default: none. */
  readonly input?: string;
}

/** What a run of the built program came to. */
export interface Ran {
  /** The exit code; undefined where a signal ended it. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** A process that a failed test left running is ended with the scope (`await using`). */
export interface Started extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly ended: Promise<Ran>;
  stdout(): string;
  stderr(): string;
  /** Resolves once its stderr holds the text; rejects when it ended without. */
  says(text: string): Promise<void>;
}

/** Starts the built program as a process of its own; nothing of this one's environment reaches it but where programs are. */
export function startProgram(args: readonly string[], { cwd, env = {}, input }: StartOptions): Started {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    cwd,
    env: {
      PATH: process.env['PATH'] ?? '',
      ...(process.env['HOME'] === undefined ? {} : { HOME: process.env['HOME'] }),
      ...(process.env['TMPDIR'] === undefined ? {} : { TMPDIR: process.env['TMPDIR'] }),
      // The one that ships changes with the day.
      DEFAULT_MODEL: 'gpt-image-1-mini',
      ...env,
    },
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin?.end(input);
  // 'close' and not 'exit': only then is all of its output read.
  const ended = once(child, 'close').then(() => ({ code: child.exitCode ?? undefined, stdout, stderr }));
  return {
    child,
    ended,
    stdout: () => stdout,
    stderr: () => stderr,
    async says(text) {
      while (!stderr.includes(text)) {
        if (child.exitCode !== null || child.signalCode !== null) {
          throw new Error(
            `ended (${child.exitCode ?? child.signalCode}) before it said "${text}": ${stderr}`,
          );
        }
        await delay(10);
      }
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** Waits until the condition holds. Gives up after half a minute: a test that failed must not go on for ever. */
export async function when(holds: () => boolean): Promise<void> {
  const giveUpAt = Date.now() + 30_000;
  while (!holds()) {
    if (Date.now() > giveUpAt) throw new Error(`never held: ${holds}`);
    await delay(10);
  }
}

export async function program(args: readonly string[], options: StartOptions): Promise<Ran> {
  return await startProgram(args, options).ended;
}

/** The one JSON document that a command printed; throws when there is anything else. */
export function jsonOf<T>({ stdout }: Pick<Ran, 'stdout'>): T {
  // Throws on anything before or behind it, too. The shape is what the tests then look at.
  return JSON.parse(stdout) as T;
}

/** A folder to run in. At the end no process may be left in it: what was left is ended, and that is an error. */
export async function workplace(): Promise<{ readonly path: string } & AsyncDisposable> {
  const folder = await tempFolder();
  const path = realpathSync(folder.path);
  return {
    path,
    async [Symbol.asyncDispose]() {
      const left = await leftIn(path);
      for (const { pid } of left) process.kill(pid, 'SIGKILL');
      await folder[Symbol.asyncDispose]();
      if (left.length > 0) throw new Error(`left running: ${left.map(({ command }) => command).join('; ')}`);
    },
  };
}

/** After a SIGKILL, the embedded stack notices within moments that its user is gone; longer than this is a leak. */
const LEAVE_MS = 10_000;

async function leftIn(folder: string): Promise<readonly Process[]> {
  const giveUpAt = Date.now() + LEAVE_MS;
  let left = processesIn(folder);
  while (left.length > 0 && Date.now() < giveUpAt) {
    await delay(50);
    left = processesIn(folder);
  }
  return left;
}

export interface Process {
  readonly pid: number;
  readonly command: string;
}

/** Processes that work in a folder or name it: the program, its children, Redis, the supervisor. */
export function processesIn(folder: string): readonly Process[] {
  return execFileSync('ps', ['-axo', 'pid=,state=,command='], { encoding: 'utf8' })
    .split('\n')
    .flatMap((line) => {
      const match = /^\s*(\d+)\s+(\S+)\s+(.*)$/.exec(line);
      if (match === null || match[2]?.startsWith('Z') === true) return [];
      const pid = Number(match[1]);
      const command = match[3] ?? '';
      return command.includes(folder) || workingFolderOf(pid).startsWith(folder) ? [{ pid, command }] : [];
    });
}

function workingFolderOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    // It has ended, or there is no /proc: then its command line alone tells.
    return '';
  }
}

/** Whether the process has ended, a zombie included. */
export function hasEnded(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return true;
  }
}

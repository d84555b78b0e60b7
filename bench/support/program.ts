import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectRoot } from '../../src/shared/base/project-root.ts';

export interface ProgramRun {
  readonly stdout: string;
  readonly ms: number;
  /** Of the command's own process, its children not included. */
  readonly peakRssBytes: number;
}

export interface RunOptions {
  readonly cwd: string;
  readonly settings: Readonly<Record<string, string>>;
  /** Told the process's id. */
  readonly onStart?: (pid: number) => void;
}

/**
 * Runs the built program as a person would, with `--json`. `settings` is its whole environment, apart from what a
 * process needs to live. Rejects with what it wrote when it does not end with 0.
 */
export async function runShotlist(
  args: readonly string[],
  { cwd, settings, onStart }: RunOptions,
): Promise<ProgramRun> {
  const peakFile = join(cwd, 'peak-rss');
  const startedAt = performance.now();
  const child = spawn(
    process.execPath,
    ['--import', join(projectRoot(), 'bench/support/peak-memory.mjs'), program(), ...args],
    {
      cwd,
      env: { ...livingEnvironment(), ...settings, BENCH_PEAK_FILE: peakFile },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  if (child.pid !== undefined) onStart?.(child.pid);
  const [stdout, stderr, [code, signal]] = await Promise.all([
    textOf(child.stdout),
    textOf(child.stderr),
    once(child, 'close'),
  ]);
  const ms = performance.now() - startedAt;
  if (code !== 0)
    throw new Error(`shotlist ${args.join(' ')} ended with ${code ?? signal}: ${stderr.slice(-2_000)}`);
  return { stdout, ms, peakRssBytes: Number(await readFile(peakFile, 'utf8')) };
}

/** What a process needs to live; none of the settings that the caller's shell may hold. */
export function livingEnvironment(): Record<string, string> {
  return Object.fromEntries(
    ['PATH', 'HOME', 'TMPDIR', 'TZ', 'LD_LIBRARY_PATH'].flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

function program(): string {
  return join(projectRoot(), 'dist/cli/main.js');
}

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

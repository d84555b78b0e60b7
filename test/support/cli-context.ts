import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { Context } from '../../src/cli/context.ts';
import { type Clock, systemClock } from '../../src/shared/base/time.ts';

/** What a command wrote. */
export interface Spoken {
  readonly out: string;
  readonly err: string;
}

/** Runs a command in a process of its own making: its folder, its environment, its streams. */
export async function runInContext<T>(
  {
    cwd,
    environment = {},
    clock = systemClock,
  }: { cwd: string; environment?: Record<string, string>; clock?: Clock },
  command: (context: Context) => Promise<T>,
): Promise<Spoken & { readonly result: T }> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const spoken = Promise.all([text(stdout), text(stderr)]);
  let result: T;
  try {
    result = await command({
      environment,
      cwd,
      // None of these commands reads a list.
      stdin: new PassThrough() as unknown as NodeJS.ReadStream,
      // A command writes to them and asks whether they are terminals; these are not.
      stdout: stdout as unknown as NodeJS.WriteStream,
      stderr: stderr as unknown as NodeJS.WriteStream,
      signal: new AbortController().signal,
      clock,
    });
  } finally {
    stdout.end();
    stderr.end();
  }
  const [out, err] = await spoken;
  return { out, err, result };
}

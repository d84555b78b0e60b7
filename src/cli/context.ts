import type { Notices } from '../operations/plan-list.ts';
import { type Config, type Environment, readConfig, secretsOf } from '../shared/base/config.ts';
import { createLogger, type Logger, redactor } from '../shared/base/log.ts';
import { escapedJson, printable } from '../shared/base/text.ts';
import type { Clock } from '../shared/base/time.ts';

/** What a command is handed by `main.ts`; nothing else in the program looks at the process. */
export interface Context {
  readonly environment: Environment;
  readonly cwd: string;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Aborts at the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

/** What a command came to; `main.ts` turns it into the exit code of the contract. */
export const EXIT = { ok: 0, couldNot: 1, someFailed: 2, held: 3, interrupted: 130 } as const;
export type Exit = (typeof EXIT)[keyof typeof EXIT];

export function configOf({ environment }: Context): Config {
  return readConfig(environment);
}

export interface LogChoice {
  /** `quiet`: a person follows a progress bar, so only warnings and errors. */
  readonly detail: 'quiet' | 'full';
  /** Further texts that must never be printed. */
  readonly secrets: readonly string[];
}

/** Logs go to stderr always: stdout belongs to results. */
export function openLog(
  { environment, stderr }: Context,
  { log }: Config,
  { detail, secrets }: LogChoice,
): Logger {
  const told = environment['LOG_LEVEL'] !== undefined && environment['LOG_LEVEL'] !== '';
  return createLogger({
    level: detail === 'quiet' && !told ? 'error' : log.level,
    format: log.format ?? (stderr.isTTY ? 'pretty' : 'json'),
    fd: 2,
    secrets: [...secretsOf(environment), ...secrets],
  });
}

/** Printable: whatever an error quotes, no secret of the environment is in it. */
export function cleaned({ environment }: Context, text: string): string {
  return redactor(secretsOf(environment))(text);
}

/** One line for people; never on stdout, which belongs to results. */
export function say({ stderr }: Context, line: string): void {
  stderr.write(`${printable(line)}\n`);
}

/** A result for people, without a line break at its end. */
export function printText({ stdout }: Context, text: string): void {
  stdout.write(`${printable(text)}\n`);
}

export function printJson({ stdout }: Context, value: unknown): void {
  stdout.write(`${escapedJson(JSON.stringify(value))}\n`);
}

/** What an operation warns of is said on the terminal. */
export function noticesOf(context: Context): Notices {
  return {
    warn: (text) => say(context, `warning: ${text}`),
    note: (text) => say(context, `note: ${text}`),
  };
}

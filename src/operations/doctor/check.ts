import { setMaxListeners } from 'node:events';
import { messageOf, UnavailableError, UserError } from '../../shared/base/errors.ts';
import { withTimeout } from '../../shared/base/time.ts';
import { redisRefusal, refusalSentence } from '../../shared/redis/refusals.ts';

export type Outcome = 'ok' | 'warning' | 'fault';

/** What one look came to. Both texts are whole sentences. */
export interface Finding {
  /** `warning`: work goes on, with a risk that the message names. `fault`: not before it is mended. */
  readonly outcome: Outcome;
  readonly message: string;
  /** What a person can do; undefined where there is nothing to mend. */
  readonly mend: string | undefined;
}

export interface Check {
  readonly name: string;
  /** What it is when the look itself fails or takes too long. */
  readonly whenFailed: 'warning' | 'fault';
  /** Said where the failure does not say itself what to do. */
  readonly mend: string;
  readonly look: (signal: AbortSignal) => Promise<Finding>;
}

export interface CheckResult extends Finding {
  readonly name: string;
}

/** What this look needs failed, and is told about under its own name. */
export class NotLookedAt extends Error {
  constructor(why: string) {
    super(why);
    this.name = 'NotLookedAt';
  }
}

export interface RunChecksOptions {
  /** For each, counted from now: they run side by side. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** Runs them all, whatever each comes to; the results are in the order of the checks. Rejects only when the signal aborts. */
export async function runChecks(
  checks: readonly Check[],
  { timeoutMs, signal }: RunChecksOptions,
): Promise<readonly CheckResult[]> {
  const limited = withTimeout(signal, timeoutMs);
  // One listener for each call under way; Node warns of more than ten as of a leak.
  setMaxListeners(0, limited);
  const results = await Promise.all(checks.map(async (check) => await resultOf(check, limited, timeoutMs)));
  signal?.throwIfAborted();
  return results;
}

async function resultOf(check: Check, limited: AbortSignal, timeoutMs: number): Promise<CheckResult> {
  const { name, whenFailed, mend } = check;
  const late = Symbol('late');
  let ring: (() => void) | undefined;
  // Redis commands take no signal, so a check is left behind rather than waited for.
  const rung = new Promise<typeof late>((resolve) => {
    ring = () => resolve(late);
    limited.addEventListener('abort', ring, { once: true });
  });
  const looked = check.look(limited).catch((error: unknown) => failed(check, error));
  const found = await Promise.race([looked, rung]);
  if (ring !== undefined) limited.removeEventListener('abort', ring);
  if (found !== late && !(limited.aborted && found.outcome !== 'ok')) return { name, ...found };
  return { name, outcome: whenFailed, message: `There was no answer within ${timeoutMs / 1_000} s.`, mend };
}

function failed({ whenFailed, mend }: Check, error: unknown): Finding {
  if (error instanceof NotLookedAt) {
    return warning(`Not looked at: ${error.message}.`, 'Mend that first, then run the doctor again.');
  }
  if (error instanceof UserError || error instanceof UnavailableError) {
    return { outcome: whenFailed, ...halves(error.message, mend) };
  }
  const refusal = redisRefusal(error);
  if (refusal !== undefined) return { outcome: whenFailed, ...halves(refusalSentence(refusal), mend) };
  // A bug in one check must not hide what the others found.
  return {
    outcome: whenFailed,
    message: `This check failed by itself (${messageOf(error)}); it is a fault of shotlist.`,
    mend: 'Report it.',
  };
}

/** The house's sentences say what is wrong and then what to do; where this one does, the two are told apart. */
export function halves(sentence: string, otherwise: string): { message: string; mend: string } {
  const semicolon = sentence.lastIndexOf('; ');
  const at = semicolon >= 0 ? semicolon : sentence.lastIndexOf(': ');
  const rest = at < 0 ? '' : sentence.slice(at + 2);
  if (!/^(choose|correct|create|get|give|let|make|mend|point|set|start|top|use)\b/.test(rest)) {
    return { message: sentence, mend: otherwise };
  }
  const mend = `${rest.charAt(0).toUpperCase()}${rest.slice(1)}`;
  return { message: `${sentence.slice(0, at)}.`, mend: mend.endsWith('.') ? mend : `${mend}.` };
}

export function ok(message: string): Finding {
  return { outcome: 'ok', message, mend: undefined };
}

export function warning(message: string, mend: string): Finding {
  return { outcome: 'warning', message, mend };
}

export function fault(message: string, mend: string): Finding {
  return { outcome: 'fault', message, mend };
}

/** One line for people. */
export function sentenceOf({ message, mend }: Finding): string {
  return mend === undefined ? message : `${message} ${mend}`;
}

/** Runs the look once, for all that need it. */
export function once<T>(look: (signal: AbortSignal) => Promise<T>): (signal: AbortSignal) => Promise<T> {
  let looked: Promise<T> | undefined;
  return (signal) => {
    looked ??= look(signal);
    return looked;
  };
}

/** `once` for who must not repeat what went wrong: that is told by the check whose look it is. */
export async function needed<T>(looked: Promise<T>, why: string): Promise<T> {
  try {
    return await looked;
  } catch (error) {
    throw error instanceof NotLookedAt ? error : new NotLookedAt(why);
  }
}

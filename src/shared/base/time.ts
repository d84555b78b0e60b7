import { setTimeout as delay } from 'node:timers/promises';

/** The wall clock, in milliseconds since 1970. Injected, so that tests own the time. */
export type Clock = () => number;

/** Waits; rejects with the signal's reason when it aborts. */
export type Sleep = (ms: number, signal?: AbortSignal) => Promise<void>;

export const systemClock: Clock = () => Date.now();

export const sleep: Sleep = async (ms, signal) => {
  await delay(ms, undefined, optional(signal));
};

/** Local day (`2026-11-24`) in the time zone of the process (`TZ`): what `DAILY_CAP_USD` counts. */
export function dayOf(ms: number): string {
  const at = new Date(ms);
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
}

/** Local month (`2026-11`) of a day: what `MONTHLY_CAP_USD` counts. */
export function monthOf(day: string): string {
  return day.slice(0, 7);
}

function pad(number: number): string {
  return String(number).padStart(2, '0');
}

/**
 * One signal that aborts when the caller's does or when the time is up. A timed-out call rejects with an error
 * named `TimeoutError`.
 */
export function withTimeout(signal: AbortSignal | undefined, timeoutMs: number): AbortSignal {
  const timeout = AbortSignal.timeout(timeoutMs);
  return signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
}

/**
 * Exponential backoff with full jitter: a random delay between 0 and `base * 2^attempt`, at most `capMs`.
 * `random` returns a number in [0, 1).
 */
export function backoffMs(
  attempt: number,
  { baseMs, capMs, random }: { baseMs: number; capMs: number; random: () => number },
): number {
  return Math.floor(random() * Math.min(capMs, baseMs * 2 ** attempt));
}

/** A signal that aborts some time after the given one. `clear` ends the watch; call it when the work is done. */
export function delayedAbort(
  signal: AbortSignal,
  afterMs: number,
): { signal: AbortSignal; clear: () => void } {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = () => {
    timer = setTimeout(() => controller.abort(signal.reason), afterMs);
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  return {
    signal: controller.signal,
    clear: () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    },
  };
}

/** Whether a promise settles in time; for goodbyes, which may wait for somebody who is away. Rejects as the promise does. */
export async function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, ms, false);
  });
  try {
    return await Promise.race([promise.then(() => true as const), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A signal as an option that may be left out. */
export function optional(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

const DAY_MS = 86_400_000;

/** The day in UTC; `shiftDays` later, where given. */
export function utcDay(ms: number, shiftDays = 0): string {
  return new Date(ms + shiftDays * DAY_MS).toISOString().slice(0, 10);
}

/** Rejects when the embedded Redis is gone: a call waits for it to come back, and a lost one never does. */
export async function unlessLost<T>(reading: Promise<T>, lost: AbortSignal | undefined): Promise<T> {
  if (lost === undefined) return await reading;
  lost.throwIfAborted();
  reading.catch(() => undefined);
  let gone = (): void => undefined;
  const ended = new Promise<never>((_, reject) => {
    gone = () => reject(lost.reason);
  });
  lost.addEventListener('abort', gone, { once: true });
  try {
    return await Promise.race([reading, ended]);
  } finally {
    lost.removeEventListener('abort', gone);
  }
}

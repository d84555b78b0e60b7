import type { Clock } from './time.ts';

/** Their time, read between two readings of ours. All in milliseconds. */
export interface ReadClock {
  readonly theirsMs: number;
  readonly beforeMs: number;
  readonly afterMs: number;
}

/**
 * By how much theirs is certainly ahead of ours (negative: behind). 0 where the time between the two readings, and the
 * whole seconds in which dates are told, explain the difference.
 */
export function skewMs({ theirsMs, beforeMs, afterMs }: ReadClock): number {
  if (theirsMs > afterMs) return theirsMs - afterMs;
  return Math.min(0, theirsMs + 999 - beforeMs);
}

export async function timed<T>(
  clock: Clock,
  call: () => Promise<T>,
): Promise<{ readonly answer: T; readonly beforeMs: number; readonly afterMs: number }> {
  const beforeMs = clock();
  const answer = await call();
  return { answer, beforeMs, afterMs: clock() };
}

/** `3 s behind`, `12 min ahead`. */
export function skewText(ms: number): string {
  const seconds = Math.round(Math.abs(ms) / 1_000);
  const amount = seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
  return `${amount} ${ms < 0 ? 'behind' : 'ahead of'}`;
}

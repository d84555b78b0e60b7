import { LRUCache } from 'lru-cache';
import type { Logger } from './log.ts';
import type { Clock } from './time.ts';

/** Logs what repeats at a bounded rate: the first at once, then at growing intervals with a count. */
export interface Voice {
  /** `key`: what makes two of them the same; the fields are those of the one that is logged. */
  say(level: 'warn' | 'error', key: string, fields: Readonly<Record<string, unknown>>, message: string): void;
}

export interface VoiceDeps {
  readonly log: Logger;
  readonly clock: Clock;
  /** Between the first line and the second; doubled with each. Default: 10 s. */
  readonly firstMs?: number;
  /** Default: a minute. After twice that time of silence it is new again. */
  readonly longestMs?: number;
}

interface Said {
  intervalMs: number;
  nextAtMs: number;
  lastAtMs: number;
  readonly sinceMs: number;
  /** Since the last line. */
  times: number;
}

/** Kept in memory; of more kinds than that the oldest counts as new. */
const KINDS = 500;

export function createVoice({ log, clock, firstMs = 10_000, longestMs = 60_000 }: VoiceDeps): Voice {
  const heard = new LRUCache<string, Said>({ max: KINDS });
  return {
    say(level, key, fields, message) {
      const now = clock();
      const said = heard.get(key);
      if (said === undefined || now - said.lastAtMs > 2 * longestMs) {
        heard.set(key, {
          intervalMs: firstMs,
          nextAtMs: now + firstMs,
          lastAtMs: now,
          sinceMs: now,
          times: 0,
        });
        log[level](fields, message);
        return;
      }
      said.lastAtMs = now;
      said.times += 1;
      if (now < said.nextAtMs) return;
      const { times, sinceMs } = said;
      said.times = 0;
      said.intervalMs = Math.min(said.intervalMs * 2, longestMs);
      said.nextAtMs = now + said.intervalMs;
      log[level]({ ...fields, times, forS: Math.round((now - sinceMs) / 1_000) }, message);
    },
  };
}

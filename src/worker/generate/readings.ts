import { setMaxListeners } from 'node:events';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../shared/base/time.ts';
import type { FalPlatform, Reading } from '../../shared/fal/history.ts';
import { FAL_SKEW_MS } from '../../shared/fal/limits.ts';

/** One reading of fal's list serves everybody who asks for the same: hundreds of answers may be lost at once. */
export interface Readings {
  /**
   * A reading of the endpoint's history from `fromMs` (sent at, ms since 1970) until now that was begun at or after
   * `begunFromMs`. Rejects as `FalPlatform.read`, and with the signal's reason when it aborts.
   */
  read(
    endpoint: string,
    wanted: { readonly fromMs: number; readonly begunFromMs: number },
    signal: AbortSignal,
  ): Promise<Reading>;
  /** Ends what is being read. */
  close(): void;
}

interface Kept {
  readonly fromMs: number;
  readonly begunAtMs: number;
  readonly reading: Promise<Reading>;
}

export interface ReadingsDeps {
  readonly platform: Pick<FalPlatform, 'read'>;
  readonly clock: Clock;
}

/** Readings begin at these steps, so that one whose start lies a little later is served too. */
const STEP_MS = 900_000;
/** No longer in memory than it may serve anybody. */
const KEPT_MS = 60_000;

export function createReadings({ platform, clock }: ReadingsDeps): Readings {
  const last = new LRUCache<string, Kept>({ max: 20, ttl: KEPT_MS });
  const closing = new AbortController();
  // One listener for each that waits; Node warns of more than ten as of a leak.
  setMaxListeners(0, closing.signal);

  function begin(endpoint: string, fromMs: number): Kept {
    const begunAtMs = clock();
    const window = { fromMs, toMs: begunAtMs + FAL_SKEW_MS };
    // Nobody's own signal: others may wait for it.
    const reading = platform.read(endpoint, window, closing.signal);
    const kept = { fromMs, begunAtMs, reading };
    last.set(endpoint, kept);
    reading.catch(() => {
      if (last.get(endpoint) === kept) last.delete(endpoint);
    });
    return kept;
  }

  return {
    async read(endpoint, { fromMs, begunFromMs }, signal) {
      const kept = last.get(endpoint);
      const serves = kept !== undefined && kept.begunAtMs >= begunFromMs && kept.fromMs <= fromMs;
      const { reading } = serves ? kept : begin(endpoint, Math.floor(fromMs / STEP_MS) * STEP_MS);
      return await unlessAborted(reading, signal);
    },
    close: () => closing.abort(),
  };
}

async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let aborted = (): void => undefined;
  const never = new Promise<never>((_, reject) => {
    aborted = () => reject(signal.reason);
  });
  signal.addEventListener('abort', aborted, { once: true });
  try {
    return await Promise.race([promise, never]);
  } finally {
    signal.removeEventListener('abort', aborted);
  }
}

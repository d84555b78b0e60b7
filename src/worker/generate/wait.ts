import type { Clock, Sleep } from '../../shared/base/time.ts';
import { FalError } from '../../shared/fal/errors.ts';
import type { QueueStatus } from '../../shared/fal/queue.ts';
import type { Latency } from '../../shared/redis/latencies.ts';
import { readVerdict } from '../../shared/requests/verdicts.ts';

/** Few and well-timed reads: the first when it is likely done, then at a short interval. */
export interface Pace {
  readonly firstMs: number;
  readonly intervalMs: number;
  /** The interval grows by this much with each read. */
  readonly growth: number;
}

export function paceFor(latency: Latency | undefined): Pace {
  // Nothing known yet: feel the way, with growing steps.
  if (latency === undefined) return { firstMs: 1_000, intervalMs: 500, growth: 1.4 };
  const { meanMs, deviationMs } = latency;
  // A read costs the same however long the run was; a slot that stands empty until the next one costs more the longer.
  const ahead = meanMs < SHORT_RUN_MS ? 0.5 : 1;
  return {
    firstMs: Math.max(100, meanMs - deviationMs * ahead),
    intervalMs: Math.max(100, deviationMs * 0.7, meanMs * 0.05),
    growth: 1.15,
  };
}

/** Below this, reads would come so close together that their number counts (bench/slots.ts). */
const SHORT_RUN_MS = 5_000;

/** Share of the wait before the first look in which it is taken to have become done. */
const FIRST_STEP = 0.2;

/** The longest wait between two reads. */
const MAX_INTERVAL_MS = 5_000;

export interface WaitDeps {
  readonly status: (signal: AbortSignal) => Promise<QueueStatus>;
  readonly clock: Clock;
  readonly sleep: Sleep;
  readonly onLogs: (lines: readonly string[]) => void;
}

/**
 * Waits until fal is done with a request. `done` with the best guess of when it was; `gone` when fal answers 404 or
 * 410; `refused` when it refuses the account or the key, which the read of the result tells everyone; `late` when `deadlineMs` (ms since 1970) has passed; failing reads are repeated until then. Rejects with the
 * signal's reason when it aborts: the request goes on at fal.
 */
export async function waitUntilDone(
  { status, clock, sleep, onLogs }: WaitDeps,
  pace: Pace,
  deadlineMs: number,
  signal: AbortSignal,
): Promise<
  { readonly kind: 'done'; readonly atMs: number } | { readonly kind: 'gone' | 'refused' | 'late' }
> {
  let waitMs = pace.firstMs;
  let intervalMs = pace.intervalMs;
  let logged = 0;
  let gone = 0;
  let refused = 0;
  let first = true;
  while (clock() < deadlineMs) {
    await sleep(waitMs, signal);
    const waited = waitMs;
    waitMs = Math.min(intervalMs, MAX_INTERVAL_MS);
    intervalMs = Math.min(intervalMs * pace.growth, MAX_INTERVAL_MS);
    try {
      const { state, logs } = await status(signal);
      onLogs(logs.slice(logged));
      logged = Math.max(logged, logs.length);
      // It became done somewhere in the last step; the middle is the best guess. Before the first look the step is long:
      // a guess close to its end would let a latency that was learned too long confirm itself for ever.
      if (state === 'done') {
        const stepMs = first ? Math.max(pace.intervalMs, waited * FIRST_STEP) : pace.intervalMs;
        return { kind: 'done', atMs: clock() - Math.min(waited, stepMs) / 2 };
      }
      first = false;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof FalError)) throw error;
      const verdict = readVerdict(error.fault);
      // Perhaps only not visible yet: three looks before it counts.
      if (verdict.kind === 'gone') {
        gone += 1;
        if (gone >= 3) return { kind: 'gone' };
      }
      // A slot is not kept for a wait that ends when somebody tops up.
      if (verdict.kind === 'stop') {
        refused += 1;
        if (refused >= 3) return { kind: 'refused' };
      }
      waitMs = Math.max(waitMs, verdict.kind === 'repeat' ? (verdict.afterMs ?? 500) : 500);
    }
  }
  return { kind: 'late' };
}

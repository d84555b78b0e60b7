import type { MicroUsd } from '../base/money.ts';
import { type BatchView, unfinished } from '../requests/batches.ts';

/** What a batch will come to, by what its requests cost and took so far. */
export interface Forecast {
  /** All of it, what waits for a person included; the estimate while nothing is booked. */
  readonly projectedMicroUsd: MicroUsd;
  /** What is still to be spent of that. */
  readonly restMicroUsd: MicroUsd;
  /** Requests whose cost is known, and what it was in parts of the estimate; undefined while there is none. */
  readonly measured: { readonly requests: number; readonly costRatio: number } | undefined;
  /** Paid pictures a minute, over the time in which there was something to do; undefined before the first one. */
  readonly imagesPerMinute: number | undefined;
  /** Until what may be made now is done; undefined until something has ended. */
  readonly etaSeconds: number | undefined;
  /** The same for what waits for a person's word on the proof, from that word on. */
  readonly waitingSeconds: number | undefined;
}

const MINUTE_MS = 60_000;
/** More digits would pretend to know more. */
const CENT = 10_000;

/** Pure. `nowMs`: wall clock, ms since 1970. */
export function forecastOf(view: BatchView, nowMs: number): Forecast {
  const { counts, spent, imagesPaid, booked } = view;
  const costRatio = booked.estimate > 0 ? spent / booked.estimate : undefined;
  const restMicroUsd = Math.round((restEstimate(view) * (costRatio ?? 1)) / CENT) * CENT;
  const activeMs = activeMsOf(view, nowMs);
  const ended = counts.delivered + counts.failed;
  const secondsFor = (requests: number) =>
    ended === 0 ? undefined : Math.ceil((requests * activeMs) / ended / 1_000);
  const waiting = waitingForProof(view);
  return {
    projectedMicroUsd: spent + restMicroUsd,
    restMicroUsd,
    measured: costRatio === undefined ? undefined : { requests: booked.requests, costRatio },
    imagesPerMinute: imagesPaid === 0 ? undefined : (imagesPaid * MINUTE_MS) / activeMs,
    etaSeconds: secondsFor(unfinished(counts) - waiting),
    waitingSeconds: secondsFor(waiting),
  };
}

/** Requests that are held until a person's word on the proof; a few of them may be held by a cap. */
export function waitingForProof({ proof, counts }: Pick<BatchView, 'proof' | 'counts'>): number {
  return proof === 'open' ? counts.held : 0;
}

/** By the plan: of the requests that are not booked, those that still can be; what failed before will not be paid. */
function restEstimate({ counts, requests, maxMicroUsd, booked }: BatchView): MicroUsd {
  const payable = counts.planned + counts.submitting + counts.submitted + counts.held + counts.unknown;
  const unbooked = Math.max(0, requests - booked.requests);
  if (unbooked === 0) return 0;
  return Math.max(0, maxMicroUsd - booked.estimate) * Math.min(1, payable / unbooked);
}

/** Since the batch began, without the time in which all of it waited for a person's word on the proof. */
function activeMsOf(view: BatchView, nowMs: number): number {
  const { createdAtMs, idleMs, lastEndAtMs, counts } = view;
  const waits = waitingForProof(view) > 0 && unfinished(counts) === counts.held;
  const until = waits ? (lastEndAtMs ?? nowMs) : nowMs;
  return Math.max(1, until - createdAtMs - idleMs);
}

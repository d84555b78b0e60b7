import { z } from 'zod';
import { formatUsd, toUsd } from '../base/money.ts';
import type { FailingHold } from '../journal/objects.ts';
import type { Wait } from '../redis/waits.ts';
import { type BatchView, type Stop, unfinished } from '../requests/batches.ts';
import type { Stops } from '../requests/endpoint-stops.ts';
import { STATES } from '../requests/states.ts';
import { forecastOf, waitingForProof } from './forecast.ts';

const count = z.int().min(0);

/** What `status BATCH --json` prints, and what the summary of an ended batch holds: the public contract. */
export const batchStatus = z.object({
  batch: z.string(),
  state: z.enum(['running', 'paused', 'held', 'done', 'cancelled']),
  counts: z.object({
    planned: count,
    submitting: count,
    submitted: count,
    generated: count,
    rendering: count,
    delivered: count,
    failed: count,
    held: count,
    unknown: count,
    cancelled: count,
  }),
  money: z.object({
    capUsd: z.number().nullable(),
    reservedUsd: z.number(),
    spentUsd: z.number(),
    estimateUsd: z.number(),
  }),
  etaSeconds: z.number().nullable(),
  heldReason: z.string().nullable(),
  /** Why requests wait or are tried again; empty where none does so for longer than some seconds. */
  waitingFor: z.array(z.object({ reason: z.string(), requests: count, since: z.string() })).default([]),
});
export type BatchStatus = z.infer<typeof batchStatus>;

/** Nothing more is begun for it; of a cancelled batch, what was at fal then may yet be finished. */
export function isOver(state: BatchStatus['state']): state is 'done' | 'cancelled' {
  return state === 'done' || state === 'cancelled';
}

/** Something of it is under way, whose end comes by itself and soon; lost answers are not. */
export function isMoving({ counts }: Pick<BatchStatus, 'counts'>): boolean {
  return counts.submitting + counts.submitted + counts.generated + counts.rendering > 0;
}

/** Pure: what a batch in Redis looks like to a person. `nowMs`: wall clock. */
export function statusOf(
  view: BatchView,
  stops: Stops,
  nowMs: number,
  told: readonly Wait[] = [],
): BatchStatus {
  const { all: stop } = stops;
  const stopped = view.endpoints.filter((endpoint) => stops.endpoints.has(endpoint));
  // None of its requests can be sent: each is held when its job comes, and waits for a person already.
  const allStopped = stopped.length > 0 && stopped.length === view.endpoints.length;
  const open = unfinished(view.counts);
  const ended = view.complete && open === 0;
  const inHand = open - view.counts.planned - view.counts.held - view.counts.unknown;
  // Approved, and no cap holds anything: whoever gives jobs is on the way to them.
  const released = view.proof === 'approved' && view.heldBy === undefined && stopped.length === 0;
  const waits = view.counts.held > 0 && view.counts.planned === 0 && inHand === 0 && !released;
  const proofHolds = waits && view.proof === 'open' && view.heldBy === undefined;
  const endpointHolds = allStopped && view.word === 'running' && view.counts.planned > 0;
  const capHolds = view.word === 'held' || (waits && !proofHolds);
  // The sample is not done while fal's answer to one of it is looked for, or the list is still being queued.
  const proofWaits = proofHolds && view.complete && view.counts.unknown === 0;
  // Nothing else is left to do, and time alone decides none of these.
  const { requests: undecided } = view.undecided;
  const isIdle = view.counts.planned === 0 && inHand === 0 && !capHolds;
  const falHolds =
    view.complete && isIdle && view.counts.unknown > 0 && undecided > 0 && undecided >= view.counts.unknown;
  const state = ended
    ? view.word === 'cancelled'
      ? 'cancelled'
      : 'done'
    : view.word !== 'cancelled' && (stop !== undefined || endpointHolds || capHolds || proofWaits || falHolds)
      ? 'held'
      : view.word;
  const counts = Object.fromEntries(STATES.map((one) => [one, view.counts[one]])) as BatchStatus['counts'];
  if (released) {
    counts.planned += counts.held;
    counts.held = 0;
  }
  // Held as a whole, in one step, whatever the size: what is still planned waits for a person too.
  if (view.word === 'held' || endpointHolds) {
    counts.held += counts.planned;
    counts.planned = 0;
  }
  // Cancelled in one step as well: nobody takes up what waits, and it is struck off behind the word.
  if (view.word === 'cancelled') {
    counts.cancelled += counts.planned + counts.held;
    counts.planned = 0;
    counts.held = 0;
  }
  return {
    batch: view.batch,
    state,
    counts,
    money: {
      capUsd: view.cap === undefined ? null : toUsd(view.cap),
      reservedUsd: toUsd(view.reserved),
      spentUsd: toUsd(view.spent),
      estimateUsd: toUsd(view.maxMicroUsd),
    },
    etaSeconds:
      state === 'running' ? (forecastOf(view, nowMs).etaSeconds ?? null) : state === 'done' ? 0 : null,
    heldReason: heldReasonOf(view, stop, {
      state,
      falHolds,
      endpoint: stops.endpoints.get(stopped[0] ?? ''),
    }),
    waitingFor: told.map(({ reason, requests, sinceMs }) => ({
      reason,
      requests,
      since: new Date(sinceMs).toISOString(),
    })),
  };
}

function heldReasonOf(
  view: BatchView,
  stop: Stop | undefined,
  {
    state,
    falHolds,
    endpoint,
  }: {
    readonly state: BatchStatus['state'];
    readonly falHolds: boolean;
    readonly endpoint: string | undefined;
  },
): string | null {
  // Also of a cancelled batch: what is left of it was sent, and nothing moves any more.
  if (falHolds && (state === 'cancelled' || (state === 'held' && stop === undefined)))
    return undecidedReason(view);
  return state === 'held' ? heldReason(view, stop, endpoint) : null;
}

function heldReason(view: BatchView, stop: Stop | undefined, endpoint: string | undefined): string {
  if (stop !== undefined) return stop.reason;
  if (view.hold?.failing !== undefined) return failingReason(view.batch, view.hold.failing);
  if (view.heldBy === undefined) return endpoint ?? proofReason(view) ?? 'held; run shotlist resume';
  const { scope, limit } = view.heldBy;
  const [kind = ''] = scope.split(':');
  const spent = kind === 'batch' ? `, ${formatUsd(view.spent)} of it spent` : '';
  const mend =
    kind === 'batch'
      ? `run shotlist resume ${view.batch} --cap with a higher total`
      : `wait for the next ${kind} or raise ${kind === 'day' ? 'DAILY_CAP_USD' : 'MONTHLY_CAP_USD'}, then run shotlist resume ${view.batch}`;
  return `the ${kind} cap of ${formatUsd(limit)} leaves no room for the next request${spent}; ${mend}`;
}

/** Of a batch that has only requests left whose answer was lost, and that fal's list does not decide. */
function undecidedReason({ batch, undecided }: BatchView): string {
  const { requests, why } = undecided;
  const lost = requests === 1 ? 'a lost answer' : `${requests.toLocaleString('en')} lost answers`;
  const more = `see shotlist unknown list ${batch}`;
  switch (why) {
    case 'unclear':
      return `unclear: fal's list hides or changes inputs, so ${lost} cannot be decided by it; ${more}`;
    case 'key':
      return `no_control: fal's list shows nothing of the FAL_KEY that was in use before, so ${lost} cannot be decided; ${more}`;
    case 'faithful':
      return `no_control: nothing shows yet that fal's list tells inputs apart, so ${lost} cannot be decided; the next picture with as long a prompt decides; ${more}`;
    case 'whole':
      return `no_control: fal's list shows none of the requests that fal answered, so ${lost} cannot be decided; the next picture made with the model decides; ${more}`;
    case 'fresh':
    case undefined:
      return `no_control: fal's list shows nothing that was sent later, so ${lost} cannot be decided; the next picture made with the model decides; ${more}`;
  }
}

function failingReason(batch: string, { code, failures, shot, message }: FailingHold): string {
  const count = failures === 1 ? '1 request' : `${failures.toLocaleString('en')} requests in a row`;
  return `failing: ${count} failed with ${code}, the last one ${shot}: ${message.replace(/\.$/, '')}; if the others can pass, run shotlist resume ${batch}, else shotlist cancel ${batch}`;
}

/** undefined where no proof waits. */
function proofReason(view: BatchView): string | undefined {
  const waiting = waitingForProof(view);
  if (waiting === 0) return undefined;
  const others = waiting === 1 ? '1 request waits' : `${waiting.toLocaleString('en')} requests wait`;
  return `the proof is done and ${others} for your word: look at it with shotlist sheet ${view.batch}, then run shotlist approve ${view.batch} or shotlist cancel ${view.batch}`;
}

import pMap from 'p-map';
import type { Clock } from '../../shared/base/time.ts';
import type { Journal } from '../../shared/journal/journal.ts';
import type { Failure } from '../../shared/journal/objects.ts';
import type { JobCall, QueueName } from '../../shared/queues/jobs.ts';
import type { Batches } from '../../shared/requests/batches.ts';
import type { Records } from '../../shared/requests/records.ts';
import type { TransitionName } from '../../shared/requests/states.ts';
import { requestKeyOf } from '../../shared/store/keys.ts';
import { type Way, type WayDeps, wayOf } from './retry-way.ts';

/** Which failures of a batch are tried again; without both, all. */
export interface RetryChoice {
  readonly code: string | undefined;
  readonly shots: ReadonlySet<string> | undefined;
}

/** A failure, and how it is tried again. */
export interface Retryable extends Way {
  readonly failure: Failure;
  /** The round that its record is in: one that failed anew by the time of the step is not what was chosen. */
  readonly round: number;
}

export interface FindDeps extends WayDeps {
  readonly journal: WayDeps['journal'] & Pick<Journal, 'failures' | 'deliveredNames' | 'planned'>;
  readonly records: Pick<Records, 'read'>;
}

/** Shots looked at at once, a short listing each. */
const AT_ONCE = 16;

/** The failures of a batch that are chosen, in the order of its list. Writes at most paid notes, and pays for nothing. */
export async function findRetryable(
  batch: string,
  { code, shots }: RetryChoice,
  deps: FindDeps,
  signal: AbortSignal,
): Promise<Retryable[]> {
  const { journal, records } = deps;
  const delivered = await journal.deliveredNames(batch, signal);
  const failures = [...(await journal.failures(batch, signal))]
    .filter(([member, failure]) => !delivered.has(member) && (code === undefined || failure.code === code))
    .map(([, failure]) => failure)
    // Neighbours stand in the same chunk of the plan.
    .sort((a, b) => a.row - b.row || a.part - b.part);
  const found = await pMap(
    failures,
    async (failure): Promise<Retryable | undefined> => {
      const { row, request } = await journal.planned(failure, signal);
      if (shots !== undefined && !shots.has(row.shot)) return undefined;
      // A failure may be on its way into the record, or be tried again already.
      const record = await records.read(requestKeyOf(failure));
      if (record !== undefined && record.state !== 'failed') return undefined;
      const { round } = record ?? failure;
      return { failure, round, ...(await wayOf({ failure, round, row, request }, deps, signal)) };
    },
    { concurrency: AT_ONCE, signal },
  );
  return found.filter((one) => one !== undefined);
}

export interface RetryDeps {
  readonly batches: Pick<Batches, 'read' | 'setWord'>;
  readonly records: Pick<Records, 'recallFailed' | 'transition'>;
  readonly journal: Pick<Journal, 'writeEvent'>;
  readonly add: (queue: QueueName, calls: readonly JobCall[]) => Promise<void>;
  /** Restores a batch that Redis has forgotten after its end, from the store, with what is to be tried again. */
  readonly restore: (batch: string) => Promise<void>;
  /** A name that no other event of the same millisecond has. */
  readonly eventId: () => string;
  readonly clock: Clock;
}

/** Failures named by one event. */
const EVENT_SIZE = 5_000;
const CHUNK = 500;

/** `retry` finds what was paid before anything is paid again, so that such a request goes its way at no cost. */
const STEPS = {
  retry: 'retry',
  fetch: 'retry',
  refetch: 'refetch',
  rerender: 'rerender',
} as const satisfies Record<Retryable['way'], TransitionName>;
const QUEUE_OF = {
  retry: 'generate',
  fetch: 'generate',
  refetch: 'collect',
  rerender: 'render',
} as const satisfies Record<Retryable['way'], QueueName>;

/**
 * Tries failures of a batch again: each in a new round, and the batch is under way again, also where it had ended. The
 * store learns of it first. Resolves to how many; fewer than asked for where somebody was faster, or Redis was rebuilt
 * meanwhile: a command that was stopped for long does not try a later failure again. Safe to repeat, also where it broke
 * off: what was not reached is still failed.
 */
export async function retryFailures(
  batch: string,
  chosen: readonly Retryable[],
  deps: RetryDeps,
): Promise<number> {
  if (chosen.length === 0) return 0;
  const { batches, journal } = deps;
  const before = await batches.read(batch);
  await writeEvents(batch, chosen, deps);
  if (before === undefined) {
    await journal.writeEvent(batch, { kind: 'resume', at: deps.clock() }, `z-${deps.eventId()}`);
    await deps.restore(batch);
    return chosen.length;
  }
  // Paused or held while its last requests ended: nothing waits for a person but what is tried again now. And whoever has
  // failures tried again by which the batch is held has mended their cause.
  const isFailing = before.hold?.failing !== undefined;
  if ((before.doneAtMs !== undefined && before.word !== 'running') || isFailing) {
    await journal.writeEvent(batch, { kind: 'resume', at: deps.clock() }, `z-${deps.eventId()}`);
    await batches.setWord(batch, 'running');
  }
  let retried = 0;
  for (let at = 0; at < chosen.length; at += CHUNK) {
    retried += await retryChunk(chosen.slice(at, at + CHUNK), before.priority, deps);
  }
  return retried;
}

async function writeEvents(
  batch: string,
  chosen: readonly Retryable[],
  { journal, eventId, clock }: RetryDeps,
): Promise<void> {
  for (let from = 0; from < chosen.length; from += EVENT_SIZE) {
    const failed = chosen
      .slice(from, from + EVENT_SIZE)
      .map(({ failure: { row, part, round } }) => `${row}.${part}-${round}`);
    await journal.writeEvent(batch, { kind: 'retry', at: clock(), failed }, eventId());
  }
}

async function retryChunk(
  chunk: readonly Retryable[],
  priority: number,
  { records, add }: RetryDeps,
): Promise<number> {
  const calls: Record<(typeof QUEUE_OF)[Retryable['way']], JobCall[]> = {
    generate: [],
    collect: [],
    render: [],
  };
  await pMap(
    chunk,
    async ({ failure, round, way, own }) => {
      const request = requestKeyOf(failure);
      await records.recallFailed(request, round);
      const outcome = await records.transition(STEPS[way], {
        request,
        round,
        ...(own === undefined
          ? {}
          : { claim: own.claim, takeId: own.requestId, set: { booked: own.costMicroUsd } }),
      });
      if (outcome.code === 'ok') calls[QUEUE_OF[way]].push({ request, round: outcome.round, priority });
    },
    { concurrency: AT_ONCE },
  );
  await add('generate', calls.generate);
  await add('collect', calls.collect);
  await add('render', calls.render);
  return calls.generate.length + calls.collect.length + calls.render.length;
}

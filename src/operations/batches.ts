import pMap from 'p-map';
import { UserError } from '../shared/base/errors.ts';
import { formatUsd, type MicroUsd } from '../shared/base/money.ts';
import type { Clock } from '../shared/base/time.ts';
import type { Journal } from '../shared/journal/journal.ts';
import type { Batches, BatchView, CaughtUp, Stop } from '../shared/requests/batches.ts';
import type { EndpointStops } from '../shared/requests/endpoint-stops.ts';
import { everyBatch } from '../shared/requests/every-batch.ts';
import { refuseCancelled } from './cancel.ts';

/**
 * What a person does to batches that are queued: pause and resume, one or all. Every operation may be repeated, and
 * takes effect with the next request that would be submitted.
 */
export interface OperationsDeps {
  readonly batches: Pick<
    Batches,
    'read' | 'list' | 'setWord' | 'setCap' | 'stop' | 'stopped' | 'unstop' | 'leaveBehind'
  >;
  readonly endpointStops: Pick<EndpointStops, 'lift'>;
  readonly journal: Pick<Journal, 'writeEvent' | 'writeHouseEvent'>;
  /** No generate job starts any more, in any worker; and again they do. */
  readonly pauseSubmits: () => Promise<void>;
  readonly resumeSubmits: () => Promise<void>;
  /**
   * Brings the jobs of a batch in line with its word, for as long as a person can be let wait; what it leaves, the
   * workers do.
   */
  readonly catchUp: (batch: string) => Promise<CaughtUp>;
  /** A name that no other event of the same millisecond has. */
  readonly eventId: () => string;
  readonly clock: Clock;
}

/** What a person's stop of all submits says. */
export const OPERATOR_STOP = {
  code: 'operator',
  reason: 'operator: paused by a person; run shotlist resume',
} as const satisfies Stop;

/** `unknown`: Redis does not hold the batch. `ended`: nothing is left that could be paused or resumed. */
export type BatchOperation =
  | { readonly outcome: 'unknown' | 'ended' }
  | { readonly outcome: 'done'; readonly behind: CaughtUp; readonly before: BatchView };

/** Submits nothing more of the batch. What is at fal already is finished. */
export async function pauseBatch(batch: string, deps: OperationsDeps): Promise<BatchOperation> {
  const before = await deps.batches.read(batch);
  if (before === undefined) return { outcome: 'unknown' };
  if (before.doneAtMs !== undefined) return { outcome: 'ended' };
  refuseCancelled(before);
  // A rebuild of Redis must not start it again.
  await deps.journal.writeEvent(batch, { kind: 'pause', at: deps.clock() }, deps.eventId());
  await deps.batches.setWord(batch, 'paused');
  return { outcome: 'done', behind: await deps.catchUp(batch), before };
}

/**
 * Goes on with a paused or held batch. `cap` is the new total that the batch may spend, what is spent already
 * included. Rejects with a `UserError` where the cap is below what is spent or may still be charged, or the batch is
 * cancelled; nothing has changed then.
 */
export async function resumeBatch(
  batch: string,
  { cap }: { readonly cap: MicroUsd | undefined },
  deps: OperationsDeps,
): Promise<BatchOperation> {
  const { batches, journal, eventId } = deps;
  const before = await batches.read(batch);
  if (before === undefined) return { outcome: 'unknown' };
  if (before.doneAtMs !== undefined) return { outcome: 'ended' };
  refuseCancelled(before);
  const at = deps.clock();
  if (cap !== undefined) {
    refuseTooLow(before, cap);
    // The store learns of it first: what may be spent must be known even when Redis is lost.
    await journal.writeEvent(batch, { kind: 'cap', at, cap }, `1-${eventId()}`);
    // Reservations may have been made since the first look.
    if (!(await batches.setCap(batch, cap))) refuseTooLow((await batches.read(batch)) ?? before, cap);
  }
  // Numbered, since both are of one millisecond and are read back in the order of their names.
  await journal.writeEvent(batch, { kind: 'resume', at }, `2-${eventId()}`);
  await deps.endpointStops.lift(before.endpoints);
  await batches.setWord(batch, 'running');
  return { outcome: 'done', behind: await deps.catchUp(batch), before };
}

/** Stops all submits of all batches. Resolves to the stop that stands: an earlier one keeps its reason. */
export async function pauseAll(deps: OperationsDeps): Promise<Stop> {
  const { batches, journal, pauseSubmits, eventId, clock } = deps;
  await journal.writeHouseEvent({ kind: 'pause', at: clock() }, eventId());
  await batches.stop(OPERATOR_STOP);
  await pauseSubmits();
  return (await batches.stopped()) ?? OPERATOR_STOP;
}

/**
 * Lifts the stop of all submits, and those of single endpoints. Resolves to what it was, undefined where there was none,
 * which endpoints were stopped, and what it gave jobs to. Rejects with a `UserError` where only a rebuild can lift it.
 */
export async function resumeAll({
  batches,
  endpointStops,
  journal,
  resumeSubmits,
  catchUp,
  eventId,
  clock,
}: OperationsDeps): Promise<{
  readonly was: Stop | undefined;
  readonly endpoints: readonly string[];
  readonly behind: CaughtUp;
  /** Why batches were left as they are: one sentence each. */
  readonly odd: readonly string[];
}> {
  const was = await batches.stopped();
  if (was?.code === 'redis_lost' || was?.code === 'rebuild') throw mustRebuild();
  await journal.writeHouseEvent({ kind: 'resume', at: clock() }, eventId());
  if (!(await batches.unstop())) throw mustRebuild();
  const endpoints = await endpointStops.lift();
  await resumeSubmits();
  const odd: string[] = [];
  const running: string[] = [];
  for await (const { batch, view } of everyBatch(batches, { onOdd: (_, error) => odd.push(error.message) }))
    if (view !== undefined && view.doneAtMs === undefined && view.word === 'running') running.push(batch);
  // What a cap holds stays held: lifting the stop makes no room on any cap.
  await pMap(running, (batch) => batches.leaveBehind(batch), { concurrency: AT_ONCE });
  let finished = true;
  let requests = 0;
  for (const batch of running) {
    const caught = await catchUp(batch);
    finished &&= caught.finished;
    requests += caught.requests;
  }
  return { was, endpoints, behind: { finished, requests }, odd };
}

const AT_ONCE = 32;

function mustRebuild(): UserError {
  return new UserError(
    'redis_lost',
    'Redis forgot what it had been told, or is being rebuilt: going on could pay for the same pictures again. Run shotlist rebuild, which goes on by itself; nothing is paid by that.',
  );
}

/** Throws a `UserError` (`cap_too_low`) where the cap is below what is spent or may still be charged. */
export function refuseTooLow({ batch, spent, reserved }: BatchView, cap: MicroUsd): void {
  if (cap >= spent + reserved) return;
  const charged =
    reserved === 0
      ? `${formatUsd(spent)} that are spent`
      : `${formatUsd(spent)} that are spent and ${formatUsd(reserved)} that fal may still charge for what is under way`;
  throw new UserError(
    'cap_too_low',
    `A cap of ${formatUsd(cap)} on batch ${batch} is below the ${charged}: --cap is the new total, so give at least ${formatUsd(spent + reserved)}.`,
  );
}

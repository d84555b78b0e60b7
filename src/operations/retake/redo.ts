import {
  type EnqueueDeps,
  type Enqueued,
  type EnqueueOptions,
  enqueue,
  type Standing,
  standingOf,
} from '../../producer/enqueue.ts';
import { UserError } from '../../shared/base/errors.ts';
import type { MicroUsd } from '../../shared/base/money.ts';
import type { Head } from '../../shared/journal/objects.ts';
import type { BatchStatus } from '../../shared/status/status.ts';
import type { ObjectStore } from '../../shared/store/object-store.ts';
import { isOfTake, type TakeRecord, type Takes, writeTake } from '../../shared/takes/takes.ts';
import { planRedo, type RedoAsk, type RedoPlan, type RedoPlanDeps, redoBatchId } from './plan.ts';
import type { DeliveredShot } from './shots.ts';

/** Pictures to be made anew; `images` are those that are delivered. */
export interface DeliveredAsk extends RedoAsk {
  readonly shots: readonly DeliveredShot[];
}

/** A take that is about to be made, or is being made. */
export interface Redo {
  readonly take: number;
  readonly plan: RedoPlan;
  /** Before it is queued (again); never `ended`. */
  readonly standing: Exclude<Standing, 'ended'>;
}

export interface PrepareDeps extends RedoPlanDeps, Pick<EnqueueDeps, 'journal' | 'batches'> {
  readonly takes: Pick<Takes, 'recordsOf'>;
  /** Of a redo's own batch. */
  readonly statusOf: (batch: string) => Promise<BatchStatus | undefined>;
  readonly signal: AbortSignal;
}

/**
 * Which take the pictures get: the one that the same command began and that is not at its end, else one more than any
 * of them has. Changes nothing. Rejects with a `UserError` where the same command's last take failed as a whole, since
 * that is tried again by `retry`, and as `standingOf` does.
 */
export async function prepareRedo(ask: RedoAsk, deps: PrepareDeps): Promise<Redo> {
  const { takes, journal, batches, signal } = deps;
  const records: TakeRecord[] = [];
  for (const { row } of ask.shots) records.push(...(await takes.recordsOf(row.shotKey)));
  const own = records.filter(({ batch, take }) => take > 0 && batch === redoBatchId(ask, take));
  const last = own.reduce((highest, { take }) => Math.max(highest, take), 0);
  if (last > 0) {
    const plan = await planRedo(ask, last, deps);
    const standing = await standingOf(plan.batchId, plan.digest, { journal, batches }, signal);
    if (standing !== 'ended') return { take: last, plan, standing };
    refuseFailed(last, await deps.statusOf(plan.batchId));
  }
  const take = 1 + records.reduce((highest, record) => Math.max(highest, record.take), 0);
  return { take, plan: await planRedo(ask, take, deps), standing: 'unknown' };
}

function refuseFailed(take: number, status: BatchStatus | undefined): void {
  if (status === undefined || status.state === 'cancelled') return;
  const { batch, counts } = status;
  if (counts.delivered > 0 || counts.failed === 0) return;
  throw new UserError(
    'redo_failed',
    `Take ${take} of this has failed: see shotlist export ${batch}, and try it again with shotlist retry ${batch}, or give another --prompt.`,
  );
}

export interface StartOptions {
  /** Of the batch whose pictures are made anew. */
  readonly head: Pick<Head, 'batch' | 'listName' | 'priority'>;
  readonly cap: MicroUsd | undefined;
  readonly simulated: boolean;
  /** Where a failed check asked for it, and no person. */
  readonly regeneration?: Pick<EnqueueOptions, 'regenerate' | 'round'>;
  readonly signal: AbortSignal;
}

export interface StartDeps extends EnqueueDeps {
  readonly store: Pick<ObjectStore, 'putOnce'>;
  readonly takes: Pick<Takes, 'recordsOf'>;
  /** A name that no other word of the same millisecond has. */
  readonly eventId: () => string;
}

/**
 * Queues a prepared take. The store learns first that there is one, so that it counts once it is delivered, whoever
 * finishes it. Safe to repeat, also where it broke off.
 */
export async function startRedo(
  ask: DeliveredAsk,
  { take, plan }: Pick<Redo, 'take' | 'plan'>,
  { head, cap, simulated, regeneration, signal }: StartOptions,
  deps: StartDeps,
): Promise<Enqueued> {
  for (const [at, shot] of ask.shots.entries()) await writeTakes(ask, shot, { take, plan, at }, deps, signal);
  return await enqueue(
    plan,
    {
      batch: plan.batchId,
      listName: `${head.listName}, take ${take}`,
      priority: head.priority,
      cap,
      simulated,
      redoOf: head.batch,
      ...regeneration,
      signal,
    },
    deps,
  );
}

/** Take 0 gets a word of its own before the first other one, so that it can be picked again by it. */
async function writeTakes(
  { batch }: DeliveredAsk,
  { row, indices, images }: DeliveredShot,
  { take, plan, at }: Pick<Redo, 'take' | 'plan'> & { readonly at: number },
  { store, takes, eventId, clock }: StartDeps,
  signal: AbortSignal,
): Promise<void> {
  const { shot, shotKey, recipe } = row;
  const known = await takes.recordsOf(shotKey);
  const planned = plan.rows[at];
  if (planned === undefined) throw new RangeError(`the plan of ${plan.batchId} has no row ${at}`);
  const common = { shot, shotKey, recipe, at: laterThan(known, clock()) };
  const first = images
    .filter((image) => isOfTake(image, shotKey))
    .map(({ index }) => index)
    .filter((index) => !known.some((one) => one.take === 0 && one.indices.includes(index)));
  if (first.length > 0) {
    const record = { ...common, indices: first, take: 0, batch, row: row.row, takeKey: shotKey };
    await writeTake(store, record, `0-${eventId()}`, signal);
  }
  if (known.some((one) => one.batch === plan.batchId && one.row === at)) return;
  const record = {
    ...common,
    indices: [...indices],
    take,
    batch: plan.batchId,
    row: at,
    takeKey: planned.shotKey,
    ...(planned.prompt === row.prompt ? {} : { prompt: planned.prompt }),
  };
  await writeTake(store, record, `1-${eventId()}`, signal);
}

/** Words count in the order of their names, also where one machine's clock is behind another's. */
export function laterThan(known: readonly Pick<TakeRecord, 'at'>[], nowMs: number): number {
  return known.reduce((latest, { at }) => Math.max(latest, at + 1), nowMs);
}

import type { TransitionName } from '../../../src/shared/requests/states.ts';
import { note } from './memory.ts';
import { type Outcome, transition } from './redis-world.ts';
import { type Run, repeated, step } from './steps.ts';
import { afterTheStep, isApart, noteHold } from './together.ts';
import { createOnce, type Intent, type RequestPlan, type World } from './world.ts';

/** One run of a job by one worker. */
export interface InHand {
  readonly world: World;
  readonly plan: RequestPlan;
  /** The process it runs in. */
  readonly worker: number;
  readonly epoch: number;
  readonly round: number;
}

/** A record change by this run. */
export function* change(
  inHand: InHand,
  name: TransitionName,
  more: {
    readonly falId?: string;
    readonly costMicroUsd?: number;
    readonly intent?: Pick<Intent, 'atS' | 'posted'>;
    readonly code?: string;
  } = {},
): Run<Outcome> {
  return (yield* changed(inHand, name, more)).outcome;
}

/** The same, with the round that the record is in then. */
export function* changed(
  inHand: InHand,
  name: TransitionName,
  more: Parameters<typeof change>[2] = {},
): Run<{ readonly outcome: Outcome; readonly round: number }> {
  const { world, plan, epoch, round, worker } = inHand;
  const { counted, ...answer } = yield* step(name, () => {
    const outcome = transition(world, {
      name,
      request: plan.id,
      epoch,
      // A failure stands in the store by then, under the name of its round.
      ...(name === 'fail' ? {} : { round }),
      worker,
      ...more,
    });
    const { life, counts, tick } = world.memory;
    const counted = { life, count: counts[worker] ?? 0, tick };
    return { outcome, round: world.records.get(plan.id)?.round ?? 0, counted };
  });
  if (answer.outcome === 'ok') note(world, worker, counted);
  return answer;
}

/** Final: the store learns of it first. */
export function* fail(inHand: InHand, code: string): Run<void> {
  const { world, plan, round } = inHand;
  yield* repeated('failure', () => {
    world.failures.set(plan.id, Math.max(round, world.failures.get(plan.id) ?? 0));
  });
  const failed = yield* change(inHand, 'fail', { code });
  if (!world.isTogether || failed !== 'ok') return;
  if (isApart(world.mutation)) {
    yield* step('afterwards', () => {
      const record = world.records.get(plan.id);
      if (record !== undefined) afterTheStep(world, record, code);
    });
  }
  yield* step('hold event', () => noteHold(world, plan, code));
}

/** Takes fal's id for this round of this request; `taken` when anybody has it, an earlier round of ours included. */
export function* accept(inHand: InHand, falId: string): Run<Outcome> {
  const { world, plan, round } = inHand;
  if (world.mutation === 'take-in-store-first') {
    const wanted = { request: plan.id, round, how: 'found' } as const;
    const taken = yield* repeated(`take ${falId}`, () => createOnce(world.idObjects, falId, wanted));
    if (taken.request !== plan.id || taken.round !== round) return 'taken';
  }
  return yield* change(inHand, 'accept', { falId });
}

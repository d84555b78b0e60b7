import type { TransitionName } from '../../../src/shared/records/states.ts';
import { type Outcome, transition } from './redis-world.ts';
import { type Run, repeated, step } from './steps.ts';
import { createOnce, type RequestPlan, type World } from './world.ts';

/** One run of a job by one worker. */
export interface InHand {
  readonly world: World;
  readonly plan: RequestPlan;
  readonly epoch: number;
  readonly round: number;
}

/** A record change by this run. */
export function* change(
  inHand: InHand,
  name: TransitionName,
  more: { readonly falId?: string; readonly costMicroUsd?: number; readonly intentAtS?: number } = {},
): Run<Outcome> {
  const { world, plan, epoch } = inHand;
  return yield* step(name, () => transition(world, { name, request: plan.id, epoch, ...more }));
}

/** Takes fal's id for this round of this request; `taken` when anybody has it, an earlier round of ours included. */
export function* accept(inHand: InHand, falId: string): Run<Outcome> {
  const { world, plan, round } = inHand;
  if (world.mutation === 'take-in-store-first') {
    const wanted = { request: plan.id, round };
    const taken = yield* repeated(`take ${falId}`, () => createOnce(world.idObjects, falId, wanted));
    if (taken.request !== plan.id || taken.round !== round) return 'taken';
  }
  return yield* change(inHand, 'accept', { falId });
}

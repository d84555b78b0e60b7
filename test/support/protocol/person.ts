import { memberOf } from './rebuild.ts';
import { transition } from './redis-world.ts';
import { liftEndpoint, resumed } from './together.ts';
import { imageKey, type RequestPlan, type World } from './world.ts';

/** Pauses, resumes or cancels a batch: the store learns of it first. */
export function say(world: World, batch: string, word: 'paused' | 'running' | 'cancelled'): void {
  const kinds = { paused: 'pause', running: 'resume', cancelled: 'cancel' } as const;
  world.events.get(batch)?.push({ kind: kinds[word], at: world.nowS * 1_000 });
  // One that Redis has forgotten hears of it from the store.
  if (world.batches.has(batch)) world.batches.set(batch, word);
  world.together.heldBy.delete(batch);
  if (word === 'running') resumed(world, batch);
  world.trace?.push(`${world.nowS} ${batch} is ${word}`);
}

/** A person has looked at the price that rose, topped up, or tries a model again. */
export function resumeAll(world: World): void {
  liftEndpoint(world);
  if (world.memory.stop !== 'price_changed' && world.memory.stop !== 'balance') return;
  world.memory.stop = undefined;
  world.trace?.push(`${world.nowS} a person resumes all submits`);
}

/**
 * Has a failed request tried again, in a new round: without paying where the originals exist. `breaksOff`: the person's
 * command ends once the store knows of it.
 */
export function retry(world: World, plan: RequestPlan, how: 'whole' | 'breaksOff'): void {
  const round = world.failures.get(plan.id);
  const state = world.records.get(plan.id)?.state;
  if (round === undefined || state !== 'failed' || world.deliveries.has(plan.id)) return;
  const failed = [`${memberOf(world, plan)}-${round}`];
  world.events.get(plan.batch)?.push({ kind: 'retry', at: world.nowS * 1_000, failed });
  world.trace?.push(
    `${world.nowS} a person wants ${plan.id} tried again${how === 'whole' ? '' : ', and stops'}`,
  );
  if (how === 'breaksOff') return;
  if (world.together.heldBy.has(plan.batch)) say(world, plan.batch, 'running');
  const isMade = plan.indices.every((index) => world.originals.has(imageKey(plan, index)));
  const name = isMade ? 'rerender' : 'retry';
  transition(world, { name, request: plan.id, epoch: 'person' });
}

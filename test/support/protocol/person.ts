import { takeId } from './ids.ts';
import { isSamePicture } from './inputs.ts';
import { imagesIn, ownPaid } from './pictures.ts';
import { memberOf } from './rebuild.ts';
import { transition } from './redis-world.ts';
import { liftEndpoint, resumed } from './together.ts';
import { provenFrom } from './unknown.ts';
import { intentKey, type RequestPlan, type World } from './world.ts';

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

/** The id that was paid for all that is missing, if it is that of the round that failed. */
function ownId(world: World, plan: RequestPlan): string | undefined {
  if (imagesIn(world, plan, plan.indices, 'nothing').length > 0) return undefined;
  const round = world.records.get(plan.id)?.round;
  const ids = [...world.idObjects].filter(([, of]) => of.request === plan.id && of.round === round);
  return ids.map(([falId]) => ownPaid(world, plan, falId)).find((falId) => falId !== undefined);
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
  const isMade = imagesIn(world, plan, plan.indices, 'made').length === plan.indices.length;
  const own = ownId(world, plan);
  if (isMade) transition(world, { name: 'rerender', request: plan.id, epoch: 'person' });
  else if (own !== undefined)
    transition(world, { name: 'refetch', request: plan.id, epoch: 'person', falId: own });
  else transition(world, { name: 'retry', request: plan.id, epoch: 'person' });
}

/** Of somebody else, who asks for what looks like ours. */
export const STRANGER = 'other';

/**
 * Says what an unknown request came to, where fal's list cannot tell: it shows inputs otherwise than they were POSTed, or
 * not in full. The dashboard shows them as they were.
 */
export function decideByDashboard(world: World, request: string): void {
  const record = world.records.get(request);
  if (record?.state !== 'unknown' || record.intentAtS === undefined) return;
  const isPart = [...world.plans.values()].some(({ options = {} }) => Object.keys(options).length > 0);
  const hasStrangers = [...world.submissions.keys()].some((id) => id.startsWith(STRANGER));
  const tells = world.shows.every((how) => how === 'posted') && !isPart && !hasStrangers;
  if (tells || world.nowS <= provenFrom(world, record.intentAtS) + 1_000) return;
  const { round, plan } = record;
  const posted = world.intents.get(intentKey(request, round))?.posted;
  const mine = [...world.submissions.values()].find(
    (each) =>
      posted !== undefined &&
      isSamePicture(each.posted, posted) &&
      !world.idObjects.has(each.id) &&
      !world.ids.has(each.id),
  );
  world.trace?.push(`${world.nowS} a person says that ${request} is ${mine?.id ?? 'absent'}`);
  if (mine === undefined) {
    transition(world, { name: 'absent', request, epoch: 'person', round });
    return;
  }
  const done = transition(world, { name: 'accept', request, epoch: 'person', round, falId: mine.id });
  if (done !== 'ok') return;
  const inHand = { world, plan, worker: 0, epoch: record.epoch, round };
  for (const each of takeId(inHand, mine.id, 'decided')) each.execute();
}

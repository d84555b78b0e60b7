import { isAtRest } from '../../../src/shared/requests/states.ts';
import { chargedImages, exposureMicroUsd, hasTwoCharges } from './fal-world.ts';
import { isSamePicture } from './inputs.ts';
import { originalOf, stateOf } from './pictures.ts';
import { capOf, couldFit } from './redis-world.ts';
import { blamedRow } from './together.ts';
import { imageKey, intentKey, type World } from './world.ts';

/** A promise that a schedule broke, with the schedule's last steps. */
export class Broken extends Error {
  override name = 'Broken';
}

/**
 * What must hold after every single step. It is asked some hundred million times in a long run, so that each question
 * begins with what is cheap to see.
 */
export function checkAlways(world: World): void {
  checkMoney(world);
  const [together] = world.judge.broken;
  if (together !== undefined) broken(world, together);
  for (const [intent, posts] of world.postsByIntent) {
    if (posts > 1) broken(world, `intent ${intent} was submitted ${posts} times`);
  }
  if (hasTwoCharges(world)) {
    const charged = chargedImages(world);
    if (new Set(charged).size < charged.length)
      broken(world, `an image was charged twice: ${charged.join(' ')}`);
  }
  const exposure = exposureMicroUsd(world);
  if (exposure > world.caps.month) {
    broken(world, `fal has charged, or may yet, ${exposure} over a cap of ${world.caps.month}`);
  }
  for (const entry of world.ledger.values()) {
    const at = world.submissions.get(entry.falId);
    if (at === undefined || at.endsAtS > world.nowS || at.costMicroUsd !== entry.costMicroUsd) {
      broken(world, `the ledger has ${entry.falId} at ${entry.costMicroUsd}, fal has not`);
    }
  }
}

/** Counters equal the sums over the records, and no cap is exceeded at any instant. */
function checkMoney(world: World): void {
  // A rebuild is under way, or Redis was emptied: nobody can reserve anything in it.
  if (world.memory.life === undefined) return;
  for (const [scope, counter] of world.counters) {
    let reserved = 0;
    let spent = 0;
    for (const { reservation, bookings } of world.records.values()) {
      if (reservation?.scopes.includes(scope) === true) reserved += reservation.microUsd;
      for (const { scopes, microUsd } of bookings) if (scopes.includes(scope)) spent += microUsd;
    }
    if (counter.reserved !== reserved) broken(world, `${scope}: reserved is not its records' sum`);
    if (counter.spent !== spent) broken(world, `${scope}: spent is not its records' sum`);
    const counted = spent + (world.rebuilds > 0 ? 0 : reserved);
    if (counted <= capOf(world, scope)) continue;
    // A rebuild reserves again for a definite no, of which the store has no word, and books on the ledger's days.
    if (world.rebuilds > 0 && scope.startsWith('day:')) continue;
    if (counted - risenMicroUsd(world) > capOf(world, scope)) broken(world, `${scope}: over its cap`);
  }
}

/** What was booked above its reservation: charged at a price that nobody knew, and no cap can have kept it out. */
function risenMicroUsd(world: World): number {
  let sum = 0;
  for (const { falId, costMicroUsd } of world.ledger.values()) {
    sum += Math.max(0, costMicroUsd - (world.submissions.get(falId)?.priceMicroUsd ?? 0));
  }
  return sum;
}

/** What must hold when every request has come as far as it can by itself, faults being over. */
export function checkEnd(world: World): void {
  for (const id of world.plans.keys())
    if (!world.records.has(id)) broken(world, `${id} is lost: it has no record`);
  for (const { plan, state } of world.records.values()) {
    if (!isAtRest(state) && state !== 'held') broken(world, `${plan.id} is lost: it stays ${state}`);
    if (state === 'held' && couldFit(world, plan.id))
      broken(world, `${plan.id} is held though there is room`);
    if (state !== 'delivered') continue;
    for (const index of plan.indices) {
      const original = originalOf(world, imageKey(plan, index));
      const made = world.submissions.get(original?.falId ?? '')?.outcome === 'ok';
      if (!made || original?.isDecodable !== true)
        broken(world, `${plan.id} is delivered without original ${index}`);
    }
  }
  if (world.claims.size > 0) broken(world, 'a claim outlived its request');
  for (const [scope, { reserved }] of world.counters) {
    if (reserved !== 0) broken(world, `${scope}: ${reserved} is still reserved at the end`);
  }
  const blamed = blamedRow(world);
  if (blamed !== undefined) broken(world, blamed);
  checkLedger(world);
  checkPictures(world);
}

/** Whatever was taken for a request was asked of fal for just its picture. */
function checkPictures(world: World): void {
  for (const [falId, { request, round }] of world.idObjects) {
    const posted = world.intents.get(intentKey(request, round))?.posted;
    const taken = world.submissions.get(falId)?.posted;
    if (posted === undefined || taken === undefined || isSamePicture(posted, taken)) continue;
    broken(world, `${request} has ${falId}, which was paid for another picture`);
  }
}

/** The ledger is fal's bill, entry by entry, and what is spent; every picture paid for is in the store. */
function checkLedger(world: World): void {
  const submissions = [...world.submissions.values()];
  const bill = submissions.filter((each) => each.costMicroUsd > 0).map((each) => each.id);
  const entries = [...world.ledger.values()].map((entry) => entry.falId);
  if (bill.toSorted().join() !== entries.toSorted().join()) {
    broken(world, `fal's bill is ${bill.join(' ')}, the ledger ${entries.join(' ')}`);
  }
  const total = [...world.ledger.values()].reduce((sum, entry) => sum + entry.costMicroUsd, 0);
  const spent = world.counters.get('month')?.spent ?? 0;
  if (total !== spent) broken(world, `the ledger's total is ${total}, what is spent ${spent}`);
  const ours = submissions.filter(({ stranger }) => stranger === undefined);
  const paid = ours.reduce((sum, each) => sum + (each.outcome === 'ok' ? each.images : 0), 0);
  const kept = keptImages(world);
  if (paid !== kept) broken(world, `${paid} images paid, ${kept} kept or noted as paid`);
}

/** Pictures that are made, or noted as paid so that nobody pays for them again. */
function keptImages(world: World): number {
  const images = new Set(
    [...world.plans.values()].flatMap((plan) => plan.indices.map((one) => imageKey(plan, one))),
  );
  return [...images].filter((image) => {
    if (stateOf(world, image) === 'made') return true;
    return (world.paid.get(image)?.size ?? 0) > 0;
  }).length;
}

function broken(world: World, what: string): never {
  throw new Broken(
    world.trace === undefined ? what : `${what}\nThe last steps:\n${world.trace.slice(-400).join('\n')}`,
  );
}

import { list, type Submission } from './fal-world.ts';
import { accept, change, type InHand } from './in-hand.ts';
import type { Mutation } from './mutations.ts';
import { hasLaterRivals } from './redis-world.ts';
import { type Run, repeated, step } from './steps.ts';
import { type Intent, intentKey, MARGIN_S, POST_WINDOW_S, SKEW_S, START_TIMEOUT_S } from './world.ts';

/**
 * Finds out whether a POST whose answer was lost was accepted. From T on every entry that it can have made is in fal's
 * list, so absence is proof. Before T an entry is adopted only when no open request of equal input has a later intent:
 * the entry may be that rival's, whose window then does not reach back to ours, not yet listed and there to pay. The
 * latest of them may take any entry at once, and then the next one is the latest: a swap among them is a permutation,
 * and leaves no entry over.
 */
export function* resolveUnknown(inHand: InHand): Run<void> {
  const { world, plan, round } = inHand;
  const intent = yield* repeated('read intent', () => world.intents.get(intentKey(plan.id, round)));
  // Cannot be; if it is, the request stays unknown and the end of the schedule says so.
  if (intent === undefined) return;
  // The clock is read before the list, and the rivals after it: both times the cautious order.
  const nowS = yield* step('clock', () => world.nowS);
  const listed = yield* step('list', () => list(world));
  if (listed === 'down') return;
  const isTime = nowS >= intent.atS + POST_WINDOW_S + START_TIMEOUT_S + MARGIN_S;
  if (!isTime && world.mutation !== 'adopt-among-rivals' && world.mutation !== 'absent-before-time') {
    if (yield* step('rivals', () => hasLaterRivals(world, plan.id, plan.prompt, intent.atS))) return;
  }
  for (const entry of candidates(listed, intent)) {
    // The store knows of ids that Redis has forgotten.
    const owner = yield* repeated('read id', () => world.idObjects.get(entry.id));
    const isOurs = owner?.request === plan.id && owner.round === round;
    if (owner !== undefined && !isOurs && !isUnasked(world.mutation)) continue;
    const accepted = yield* accept(inHand, entry.id);
    if (accepted !== 'taken') return;
  }
  if (isTime || world.mutation === 'absent-before-time') yield* change(inHand, 'absent');
}

/** Breaks that take ids without asking the store either. */
function isUnasked(mutation: Mutation | undefined): boolean {
  return mutation === 'adopt-without-create-once' || mutation === 'ids-without-round';
}

function candidates(listed: readonly Submission[], intent: Intent): readonly Submission[] {
  return listed
    .filter((each) => each.prompt === intent.prompt && each.images === intent.indices.length)
    .filter((each) => each.sentAtS >= intent.atS - SKEW_S)
    .toSorted((a, b) => a.sentAtS - b.sentAtS);
}

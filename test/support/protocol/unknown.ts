import { list, type Submission } from './fal-world.ts';
import { idOfRound, REFUSED } from './ids.ts';
import { accept, change, type InHand } from './in-hand.ts';
import type { Mutation } from './mutations.ts';
import { hasLaterRivals } from './redis-world.ts';
import { look, lookRepeatedly, type Run } from './steps.ts';
import {
  type Intent,
  intentKey,
  MARGIN_S,
  POST_WINDOW_S,
  SKEW_S,
  START_TIMEOUT_S,
  type Taken,
} from './world.ts';

/**
 * Finds out whether a POST whose answer was lost was accepted. From T on every entry that it can have made is in fal's
 * list, so absence is proof. Before T an entry is adopted only when no open request of equal input has a later intent:
 * the entry may be that rival's, whose window then does not reach back to ours, not yet listed and there to pay. The
 * latest of them may take any entry at once, and then the next one is the latest: a swap among them is a permutation,
 * and leaves no entry over.
 */
export function* resolveUnknown(inHand: InHand): Run<void> {
  const { world, plan, round } = inHand;
  const intent = yield* lookRepeatedly('read intent', () => world.intents.get(intentKey(plan.id, round)));
  // Cannot be; if it is, the request stays unknown and the end of the schedule says so.
  if (intent === undefined) return;
  // A run of before a rebuild may have written it down since.
  const known = yield* idOfRound(inHand);
  if (known === REFUSED) {
    yield* change(inHand, 'absent');
    return;
  }
  if (known !== undefined) {
    yield* accept(inHand, known);
    return;
  }
  // The clock is read before the list, and the rivals after it: both times the cautious order.
  const nowS = yield* look('clock', () => world.nowS);
  const listed = yield* look('list', () => list(world));
  if (listed === 'down') return;
  const isTime = nowS >= provenFrom(intent.atS);
  if (!isTime && world.mutation !== 'adopt-among-rivals' && world.mutation !== 'absent-before-time') {
    if (yield* look('rivals', () => hasLaterRivals(world, plan.id, plan.prompt, intent.atS))) return;
  }
  let undecided = false;
  const owned: { readonly sentAtS: number; readonly owner: Taken }[] = [];
  for (const entry of candidates(listed, intent)) {
    // The store knows of ids that Redis has forgotten. What it does not know of yet may become free again.
    const owner = yield* lookRepeatedly('read id', () => world.idObjects.get(entry.id));
    const isOurs = owner?.request === plan.id && owner.round === round;
    if (owner !== undefined && !isOurs && !isUnasked(world.mutation)) {
      owned.push({ sentAtS: entry.sentAtS, owner });
      continue;
    }
    const accepted = yield* accept(inHand, entry.id);
    if (accepted !== 'taken') return;
    undecided ||= world.mutation !== 'taken-is-absent';
  }
  if (undecided) return;
  const isProof = isTime && (yield* isEverybodysTime(inHand, intent, nowS, owned));
  if (isProof || world.mutation === 'absent-before-time') yield* change(inHand, 'absent');
}

/**
 * Whether nothing can be left that is ours. An entry of our own window that another *found* may be ours, and then its own
 * is there for us, or was found by yet another, each in its own time.
 */
function* isEverybodysTime(
  { world }: InHand,
  intent: Intent,
  nowS: number,
  owned: readonly { readonly sentAtS: number; readonly owner: Taken }[],
): Run<boolean> {
  if (world.mutation === 'absent-at-own-time') return true;
  let reachS = intent.atS + POST_WINDOW_S + SKEW_S;
  for (const { sentAtS, owner } of owned) {
    if (sentAtS > reachS || owner.how === 'answered') continue;
    const key = intentKey(owner.request, owner.round);
    const theirs = yield* lookRepeatedly('read their intent', () => world.intents.get(key));
    if (theirs === undefined) continue;
    if (nowS < provenFrom(theirs.atS)) return false;
    reachS = Math.max(reachS, theirs.atS + POST_WINDOW_S + SKEW_S);
  }
  return true;
}

const provenFrom = (intentAtS: number) => intentAtS + POST_WINDOW_S + START_TIMEOUT_S + MARGIN_S;

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

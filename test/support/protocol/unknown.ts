import {
  type Comparison,
  type Control,
  comparison,
  type Input,
} from '../../../src/shared/fal/compare-input.ts';
import { isExplained } from '../../../src/shared/journal/objects.ts';
import { missingControl, toAdopt } from '../../../src/shared/requests/absence.ts';
import { type Entry, list } from './fal-world.ts';
import { idOfRound, REFUSED } from './ids.ts';
import { accept, change, type InHand } from './in-hand.ts';
import { MODEL } from './inputs.ts';
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
  type World,
} from './world.ts';

/**
 * Finds out whether a POST whose answer was lost was accepted, by the rules of `src/worker/generate/lost-answers.ts`. Before T
 * an entry is adopted only when no open rival has a later intent: the entry may be that rival's, whose window then does not
 * reach back to ours, not yet listed and there to pay. The latest of them may take any entry at once, and then the next
 * one is the latest: a swap among them is a permutation, and leaves no entry over. From T on every entry that it can have
 * made is in fal's list, if the list is up to date, ours, and shows what was POSTed: so absence is proof where all of that shows.
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
  const { sightings, provenS, controls } = yield* around(inHand, intent, listed);
  const isTime = nowS >= provenFrom(world, intent.atS);
  const isFresh =
    world.mutation === 'adopt-without-fresh' ||
    newestOf(listed) >= provenFrom(world, intent.atS) + Math.max(0, world.falAheadS);
  const isSettled = isTime && isFresh;
  const free = toAdopt(sightings, isSettled && world.mutation !== 'adopt-past-unclear');
  const isCareful = world.mutation !== 'adopt-among-rivals' && world.mutation !== 'absent-before-time';
  if (free.length > 0 && !isSettled && isCareful) {
    if (yield* look('rivals', () => hasLaterRivals(world, plan.id, intent.posted, intent.atS))) return;
  }
  // One that is taken in Redis alone is no absence either: the store does not say that another found it.
  for (const { entry } of free) {
    if ((yield* accept(inHand, entry.id)) !== 'taken') return;
  }
  const isProof =
    isTime && nowS >= provenS && isProven(world, { intent, listed, sightings, provenS, controls });
  if (isProof || world.mutation === 'absent-before-time') yield* change(inHand, 'absent');
}

interface Sighting extends Comparison {
  readonly entry: Entry;
  /** By the store. */
  readonly foundByOther: boolean;
}

interface Seen {
  readonly sightings: readonly Sighting[];
  /** T of everybody who may have our entry. */
  readonly provenS: number;
  readonly controls: readonly Control[];
}

/**
 * What the list shows of our time. An entry that another *found* may be ours, and then its own is there for us, or was
 * found by yet another, each in its own time.
 */
function* around({ world, plan, round }: InHand, intent: Intent, listed: readonly Entry[]): Run<Seen> {
  // The store knows of ids that Redis has forgotten. What it does not know of yet may become free again.
  const owners = yield* lookRepeatedly(
    'read ids',
    () => new Map(listed.flatMap(({ id }) => ownerOf(world, id))),
  );
  const controls = listed.flatMap(({ id, shown }): Control[] => {
    const owner = owners.get(id);
    return owner?.taken.how === 'answered' && owner.intent !== undefined
      ? [{ posted: owner.intent.posted, shown }]
      : [];
  });
  const sightings: Sighting[] = [];
  let reachS = intent.atS + POST_WINDOW_S + SKEW_S;
  let provenS = provenFrom(world, intent.atS);
  for (const entry of listed) {
    if (entry.sentAtS < intent.atS - SKEW_S) continue;
    if (entry.sentAtS > reachS) break;
    const owner = owners.get(entry.id);
    if (
      owner?.taken.request === plan.id &&
      owner.taken.round === round &&
      world.mutation !== 'own-id-is-explained'
    ) {
      // Another run of this round wrote it down just now: it is ours, whatever it looks like.
      sightings.push({ entry, foundByOther: false, likeness: 'same', differs: [] });
      continue;
    }
    if (owner !== undefined && isExplained(owner.taken) && !isUnasked(world.mutation)) continue;
    const compared = likenessOf(world.mutation, intent.posted, entry.shown, controls);
    const foundByOther = owner !== undefined && !isUnasked(world.mutation);
    sightings.push({ entry, foundByOther, ...compared });
    if (!foundByOther || compared.likeness === 'other' || owner.intent === undefined) continue;
    reachS = Math.max(reachS, owner.intent.atS + POST_WINDOW_S + SKEW_S);
    if (world.mutation === 'absent-at-own-time') continue;
    provenS = Math.max(provenS, provenFrom(world, owner.intent.atS));
  }
  return { sightings, provenS, controls };
}

/** What would contradict an absence, had it been accepted. */
function isProven(
  world: World,
  { intent, listed, sightings, provenS, controls }: Seen & { intent: Intent; listed: readonly Entry[] },
): boolean {
  if (sightings.some(({ foundByOther, likeness }) => !foundByOther && likeness !== 'other')) return false;
  const { mutation, falAheadS } = world;
  const seen = {
    controls,
    others:
      mutation === 'absent-without-faithful' ? [] : sightings.filter(({ likeness }) => likeness === 'other'),
    newestMs: mutation === 'absent-without-fresh' ? Number.POSITIVE_INFINITY : newestOf(listed),
    freshFromMs: provenS + Math.max(0, falAheadS),
  };
  return missingControl(intent.posted, seen, MODEL) === undefined;
}

const newestOf = (listed: readonly Entry[]): number =>
  listed.reduce((newest, { lastAtS }) => Math.max(newest, lastAtS), 0);

function likenessOf(
  mutation: Mutation | undefined,
  posted: Input,
  shown: unknown,
  controls: readonly Control[],
): Comparison {
  const asked = mutation === 'adopt-superset' ? onlyOf(posted, shown) : shown;
  const compared = comparison(posted, asked, MODEL, controls);
  const isClear = mutation !== 'unclear-is-other' || compared.likeness !== 'unclear';
  return isClear ? compared : { likeness: 'other', differs: [] };
}

/** As if all that we POSTed were all that counts. */
function onlyOf(posted: Input, shown: unknown): unknown {
  if (typeof shown !== 'object' || shown === null) return shown;
  return Object.fromEntries(Object.entries(shown).filter(([name]) => Object.hasOwn(posted, name)));
}

function ownerOf(
  { idObjects, intents }: World,
  id: string,
): [string, { readonly taken: Taken; readonly intent: Intent | undefined }][] {
  const taken = idObjects.get(id);
  if (taken === undefined) return [];
  return [[id, { taken, intent: intents.get(intentKey(taken.request, taken.round)) }]];
}

export function provenFrom({ mutation }: Pick<World, 'mutation'>, intentAtS: number): number {
  const marginS = mutation === 'margin-below-longest-run' ? 0 : MARGIN_S;
  return intentAtS + POST_WINDOW_S + START_TIMEOUT_S + marginS;
}

/** Breaks that take ids without asking the store either. */
function isUnasked(mutation: Mutation | undefined): boolean {
  return mutation === 'adopt-without-create-once' || mutation === 'ids-without-round';
}

import type { Input } from '../../../src/shared/fal/compare-input.ts';
import { type Shown, show } from './inputs.ts';
import type { Mood } from './together.ts';
import { imageKey, intentKey, priceMicroUsd, START_TIMEOUT_S, type Taken, type World } from './world.ts';

/** What becomes of an accepted request, decided when it is accepted; its state is then a function of the clock. */
export interface Submission {
  readonly id: string;
  readonly posted: Input;
  readonly images: number;
  readonly shown: unknown;
  /** Of somebody else, or of a list that is not played: its cost is nobody's here. */
  readonly stranger?: true;
  /** By fal's clock, as its list shows it. */
  readonly sentAtS: number;
  readonly startsAtS: number;
  endsAtS: number;
  visibleAtS: number;
  outcome: 'ok' | 'failed-free' | 'failed-billed' | 'never-started' | 'withdrawn';
  readonly priceMicroUsd: number;
  costMicroUsd: number;
}

export type Answer =
  | { readonly kind: 'accepted'; readonly falId: string }
  | { readonly kind: 'no' }
  | { readonly kind: 'never' }
  | { readonly kind: 'too-late' }
  /** Of the account, or of the endpoint: whatever was asked for. */
  | { readonly kind: Exclude<Mood, 'well'> };

interface Fate {
  readonly startS: number;
  readonly runS: number;
  readonly lagS: number;
  readonly outcome: Exclude<Submission['outcome'], 'withdrawn'>;
  readonly riseMicroUsd?: number;
}

const FATES: readonly (Fate | 'no' | 'never')[] = [
  { startS: 0, runS: 20, lagS: 0, outcome: 'ok' },
  { startS: 0, runS: 20, lagS: 180, outcome: 'ok' },
  { startS: 10, runS: 120, lagS: 0, outcome: 'ok' },
  { startS: 590, runS: 120, lagS: 180, outcome: 'ok' },
  { startS: 300, runS: 20, lagS: 60, outcome: 'ok' },
  { startS: 0, runS: 1, lagS: 180, outcome: 'ok' },
  { startS: 0, runS: 20, lagS: 0, outcome: 'failed-free' },
  { startS: 0, runS: 5, lagS: 0, outcome: 'failed-free' },
  { startS: START_TIMEOUT_S, runS: 0, lagS: 60, outcome: 'never-started' },
  { startS: 5, runS: 10, lagS: 60, outcome: 'failed-billed' },
  'no',
  'never',
];

/** Its price has risen above what was reserved; now and then. */
const DEAR: Fate = { startS: 0, runS: 20, lagS: 0, outcome: 'ok', riseMicroUsd: 7_000 };
const DEAR_FROM = 244;

/**
 * The POST. The deadline is looked at in the same step as the sending; `intent` is what the POST belongs to, for the
 * invariant that each has at most one.
 */
export function post(
  world: World,
  args: {
    readonly request: string;
    readonly round: number;
    readonly nonce: string;
    readonly posted: Input;
    readonly images: number;
    readonly notAfterS: number;
    readonly fate: number;
  },
): Answer {
  if (world.nowS > args.notAfterS && world.mutation !== 'late-post') return { kind: 'too-late' };
  const intent = `${intentKey(args.request, args.round)}/${args.nonce}`;
  world.postsByIntent.set(intent, (world.postsByIntent.get(intent) ?? 0) + 1);
  world.judge.answers.set(args.request, world.mood === 'well' ? 'row' : world.mood);
  if (world.mood !== 'well') return { kind: world.mood };
  const fate = fateOf(world, args.fate);
  if (fate === undefined || fate === 'no') return { kind: 'no' };
  if (fate === 'never') return { kind: 'never' };
  const falId = `fal${world.submissions.size + 1}`;
  world.trace?.push(
    `${world.nowS} fal accepts ${falId}: ${fate.outcome}, in its list after ${fate.startS + fate.runS + fate.lagS} s`,
  );
  const endsAtS = world.nowS + fate.startS + fate.runS;
  const price = priceMicroUsd(args.images);
  const billed = fate.outcome === 'ok' || fate.outcome === 'failed-billed';
  world.submissions.set(falId, {
    id: falId,
    posted: args.posted,
    images: args.images,
    shown: show(shownBy(world, args.fate), args.posted),
    sentAtS: world.nowS + world.falAheadS,
    startsAtS: world.nowS + fate.startS,
    endsAtS,
    visibleAtS: endsAtS + fate.lagS + (world.mutation === 'lag-above-margin' ? 900 : 0),
    outcome: fate.outcome,
    priceMicroUsd: price,
    // A run that costs less than was reserved frees the rest.
    costMicroUsd: billed ? price + (fate.riseMicroUsd ?? -(args.fate % 2) * 1_234) : 0,
  });
  return { kind: 'accepted', falId };
}

/** Where requests fail together, fal refuses half of the inputs. */
function fateOf({ isTogether }: World, fate: number): (typeof FATES)[number] | undefined {
  if (isTogether && fate % 2 === 1) return 'never';
  return fate >= DEAR_FROM ? DEAR : FATES[fate % FATES.length];
}

/** fal's list in full, all pages: what has ended, after a lag. */
export function list(world: World): readonly Entry[] | 'down' {
  if (!world.listUp) return 'down';
  const asOfS = world.listFrozenAtS ?? world.nowS;
  return [...world.submissions.values()]
    .filter((each) => each.visibleAtS <= asOfS)
    .map(({ id, sentAtS, endsAtS, shown }) => ({
      id,
      sentAtS,
      lastAtS: Math.max(sentAtS, endsAtS + world.falAheadS),
      shown,
    }))
    .sort((a, b) => a.sentAtS - b.sentAtS);
}

/** An entry of fal's list; its times are by fal's clock. */
export interface Entry {
  readonly id: string;
  readonly sentAtS: number;
  readonly lastAtS: number;
  readonly shown: unknown;
}

/** A request that is in the list at once and costs nobody here anything. */
export function sendAside(world: World, id: string, posted: Input, fate: number): void {
  world.submissions.set(id, {
    id,
    posted,
    images: 1,
    shown: show(shownBy(world, fate), posted),
    stranger: true,
    sentAtS: world.nowS + world.falAheadS,
    startsAtS: world.nowS,
    endsAtS: world.nowS,
    visibleAtS: world.nowS,
    outcome: 'ok',
    priceMicroUsd: 0,
    costMicroUsd: 0,
  });
}

function shownBy({ shows, submissions }: World, fate: number): Shown {
  return shows[(fate * 7 + submissions.size) % shows.length] ?? 'posted';
}

export function status(world: World, falId: string): Submission | 'running' {
  const submission = world.submissions.get(falId);
  if (submission === undefined) throw new Error(`fal knows no request ${falId}.`);
  return submission.endsAtS <= world.nowS ? submission : 'running';
}

/** Takes a request out of fal's queue; one that has started, or ended, is left alone. */
export function cancelAtFal(world: World, falId: string): void {
  const submission = world.submissions.get(falId);
  if (submission === undefined || submission.startsAtS <= world.nowS || submission.endsAtS <= world.nowS)
    return;
  submission.outcome = 'withdrawn';
  submission.endsAtS = world.nowS;
  submission.visibleAtS = world.nowS;
  submission.costMicroUsd = 0;
  world.trace?.push(`${world.nowS} fal takes ${falId} out of its queue`);
}

/** What fal has charged, and the dearest that what it still has in hand can cost, at the prices that are known. */
export function exposureMicroUsd(world: World): number {
  let sum = 0;
  for (const { endsAtS, costMicroUsd, priceMicroUsd: price } of world.submissions.values()) {
    sum += endsAtS <= world.nowS && costMicroUsd < price ? costMicroUsd : price;
  }
  return sum;
}

/**
 * The images each successful request of fal was charged for, by who took its id: in the store, or in Redis as yet. An id
 * in Redis alone, of a round that has another one in the store by now, is about to be given free (docs/states.md, 5).
 */
export function chargedImages(world: World): readonly string[] {
  const images: string[] = [];
  for (const each of world.submissions.values()) {
    if (each.outcome !== 'ok' || each.endsAtS > world.nowS) continue;
    const taken = world.idObjects.get(each.id) ?? asYet(world, each.id);
    const plan = taken && world.plans.get(taken.request);
    if (taken === undefined || plan === undefined) continue;
    const indices = world.intents.get(intentKey(taken.request, taken.round))?.indices ?? [];
    for (const index of indices) images.push(imageKey(plan, index));
  }
  return images;
}

function asYet(world: World, falId: string): Pick<Taken, 'request' | 'round'> | undefined {
  const taken = world.ids.get(falId);
  if (taken === undefined) return undefined;
  for (const owner of world.idObjects.values()) {
    if (owner.request === taken.request && owner.round === taken.round) return undefined;
  }
  return taken;
}

/** Fewer than two charges have no picture in common. */
export function hasTwoCharges(world: World): boolean {
  let charges = 0;
  for (const each of world.submissions.values()) {
    if (each.outcome === 'ok' && each.endsAtS <= world.nowS) charges += 1;
  }
  return charges > 1;
}

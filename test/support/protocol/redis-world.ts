import type { Input } from '../../../src/shared/fal/compare-input.ts';
import {
  allows,
  holdsClaims,
  TRANSITIONS,
  type TransitionName,
  takesClaims,
} from '../../../src/shared/requests/states.ts';
import { rivalKey } from './inputs.ts';
import { hasForgotten } from './memory.ts';
import { alsoInTheStep, refusedByEndpoint } from './together.ts';
import { waitFor, wake } from './waiting.ts';
import {
  type Intent,
  imageKey,
  priceMicroUsd,
  type RequestRecord,
  type Reservation,
  type ScopeKind,
  scopesAt,
  type World,
} from './world.ts';

export type Outcome =
  | 'absent'
  | 'lost'
  | 'ok'
  | 'stale'
  | 'not-allowed'
  | 'stopped'
  | 'claimed'
  | 'taken'
  | 'wait'
  | 'gone'
  | 'no-room';

interface Change {
  readonly name: TransitionName;
  readonly request: string;
  /** The epoch of the run that asks; a person has none. */
  readonly epoch: number | 'person';
  /** The round that the run took in hand. */
  readonly round?: number;
  readonly worker?: number;
  readonly falId?: string;
  readonly costMicroUsd?: number;
  readonly intent?: Pick<Intent, 'atS' | 'posted'>;
  /** Of a failure. */
  readonly code?: string;
}

/** A run takes the record in hand: every older run's changes are refused from here on. */
export function activate(world: World, request: string): Readonly<RequestRecord> | undefined {
  const record = world.records.get(request);
  if (record === undefined) return undefined;
  record.epoch += 1;
  return { ...record };
}

/** One atomic step, as the Lua script is: who may, from where, the batch's word, then money and claims together. */
export function transition(world: World, change: Change): Outcome {
  const { name, worker } = change;
  const row = TRANSITIONS[name];
  if (worker !== undefined && isWitnessed(world, name) && hasForgotten(world, worker)) {
    world.memory.stop = 'redis_lost';
    return 'lost';
  }
  const record = world.records.get(change.request);
  if (record === undefined) return 'absent';
  if (world.mutation !== 'no-epoch-check' && change.epoch !== 'person' && change.epoch !== record.epoch) {
    return 'stale';
  }
  if (!isInItsRound(world, record, change)) return 'stale';
  if (!allows(name, record.state) || !moneyAllows(world, record, name)) return 'not-allowed';
  if (row.needs === 'running' && world.memory.stop !== undefined) return 'stopped';
  if (row.needs === 'running' && world.batches.get(record.plan.batch) !== 'running') return 'stopped';
  const byEndpoint = refusedByEndpoint(world, record, name);
  if (byEndpoint !== undefined) return byEndpoint;
  if (change.falId !== undefined && !takeId(world, record, change.falId)) return 'taken';
  if (takesClaims(name) && isClaimed(world, record)) return 'claimed';
  if (row.money === 'take') {
    const refused = refusal(world, record);
    if (refused !== undefined) return refused;
  }
  world.used.add(`${name} ${record.state}`);
  if (name === 'lose') giveIdBack(world, record);
  const { state: before, reservation } = record;
  moveMoney(world, record, change);
  if (row.to === 'planned') {
    if (name !== 'retry' || world.mutation !== 'retry-in-the-same-round') {
      record.round = Math.max(record.round + 1, record.nextRound);
    }
    record.falId = undefined;
    record.intentAtS = undefined;
    record.posted = undefined;
    record.isBooked = false;
  }
  if (name === 'rerender' || (name === 'refetch' && world.mutation === 'refetch-in-the-next-round')) {
    record.round = Math.max(record.round + 1, record.nextRound);
  }
  if (name === 'retry' || name === 'rerender' || name === 'refetch') {
    record.reruns = 0;
    record.renderStarts = 0;
  }
  if (name === 'refetch') record.isBooked = true;
  if (row.to !== 'submitted') record.missingSinceS = undefined;
  if (name === 'render') record.renderStarts += 1;
  if (name === 'rerun') record.reruns += 1;
  if (change.falId !== undefined) record.falId = change.falId;
  if (change.intent !== undefined) {
    record.intentAtS = change.intent.atS;
    record.posted = change.intent.posted;
  }
  record.state = row.to;
  moveClaims(world, record);
  wakeOthers(world, record, { before, reservation });
  alsoInTheStep(world, record, { name, before, code: change.code ?? '' });
  world.memory.tick += 1;
  if (worker !== undefined) world.memory.counts[worker] = (world.memory.counts[worker] ?? 0) + 1;
  return 'ok';
}

/** A run of an earlier rebuild's epoch would be kept out by its round alone: that break needs both guards away. */
function isInItsRound({ mutation }: World, record: RequestRecord, { round }: Change): boolean {
  if (mutation === 'no-round-check' || mutation === 'rebuild-reuses-epochs') return true;
  return round === undefined || round === record.round;
}

/** Whether a step is refused by a Redis that is known to have forgotten something. */
function isWitnessed({ mutation }: World, name: TransitionName): boolean {
  if (mutation === 'no-witness') return false;
  return mutation !== 'witness-at-submits-only' || TRANSITIONS[name].needs === 'running';
}

/**
 * Whether a rival with a later intent may have a POST under way or unresolved. An earlier
 * one is no reason to wait: whatever we submitted was sent inside its window too, so it can take ours for its own.
 */
export function hasLaterRivals(world: World, request: string, posted: Input, atS: number): boolean {
  const by = world.mutation === 'rivals-by-whole-input' ? 'whole input' : 'prompt';
  const key = rivalKey({ posted }, by);
  return [...world.records.values()].some(
    ({ plan, state, intentAtS, posted: theirs }) =>
      plan.id !== request &&
      theirs !== undefined &&
      rivalKey({ posted: theirs }, by) === key &&
      (state === 'submitting' || state === 'unknown') &&
      intentAtS !== undefined &&
      intentAtS > atS,
  );
}

/** `held` is left only when what is spent leaves room: what is reserved comes and goes. */
export function couldFit(world: World, request: string): boolean {
  const record = world.records.get(request);
  if (record === undefined) return false;
  const price = priceMicroUsd(record.plan.indices.length);
  return scopesOf(world, record).every(
    (scope) => counterOf(world, scope).spent + price <= capOf(world, scope),
  );
}

export function capOf(world: World, scope: string): number {
  const kind: ScopeKind = scope.startsWith('batch:') ? 'batch' : scope.startsWith('day:') ? 'day' : 'month';
  return world.caps[kind];
}

/** What the table leaves to the script (docs/states.md): no way past `submitted` unbooked, no way back once booked. */
function moneyAllows(world: World, record: RequestRecord, name: TransitionName): boolean {
  if (name === 'store') return record.reservation === undefined || world.mutation === 'store-before-book';
  if (name === 'refetch') return record.reservation === undefined;
  if (name === 'rerun' || name === 'lose' || name === 'withdraw') return !record.isBooked;
  return true;
}

/** In the same step as the record: taken outside of it, a superseded run could take an id that nobody then uses. */
function takeId(world: World, record: RequestRecord, falId: string): boolean {
  const owner = world.ids.get(falId);
  const unasked =
    world.mutation === 'adopt-without-create-once' ||
    world.mutation === 'take-in-store-first' ||
    (world.mutation === 'ids-without-round' && owner?.request === record.plan.id);
  const isOurs = owner?.request === record.plan.id && owner.round === record.round;
  if (owner !== undefined && !isOurs && !unasked) return false;
  world.ids.set(falId, { request: record.plan.id, round: record.round });
  return true;
}

/** The id is another's by the store, or another is this round's own. */
function giveIdBack(world: World, record: RequestRecord): void {
  const { falId, round, plan } = record;
  record.falId = undefined;
  if (falId === undefined || world.mutation === 'keep-lost-id') return;
  const owner = world.ids.get(falId);
  if (owner?.request === plan.id && owner.round === round) world.ids.delete(falId);
}

/** Only what is planned is woken when the claim ends. */
function isClaimed(world: World, record: RequestRecord): boolean {
  const claimed = imagesOf(record).some((image) => {
    const owner = world.claims.get(image);
    return (owner !== undefined && owner !== record.plan.id) || isWantedInDoubt(world, record, image);
  });
  if (!claimed || world.mutation === 'ignore-claims') return false;
  if (record.state === 'planned') waitFor(world, `claim:${record.plan.shotKey}`, record.plan.id);
  return true;
}

function refusal(world: World, record: RequestRecord): Outcome | undefined {
  if (!couldFit(world, record.plan.id)) return 'no-room';
  const price = priceMicroUsd(record.plan.indices.length);
  const full = scopesOf(world, record).find((scope) => {
    const { reserved, spent } = counterOf(world, scope);
    return reserved + spent + price > capOf(world, scope);
  });
  if (full === undefined) return undefined;
  waitFor(world, full, record.plan.id);
  return 'wait';
}

/** After a rebuild two may be in doubt about one picture: neither's end makes room for a third, or for itself anew. */
function isWantedInDoubt(world: World, record: RequestRecord, image: string): boolean {
  if (world.mutation === 'rebuild-claims-for-one') return false;
  return [...world.records.values()].some(
    (other) => other !== record && holdsClaims(other.state) && imagesOf(other).includes(image),
  );
}

function moveMoney(world: World, record: RequestRecord, change: Change): void {
  const { money } = TRANSITIONS[change.name];
  if (money === 'take') {
    const reservation: Reservation = {
      microUsd: priceMicroUsd(record.plan.indices.length),
      scopes: scopesOf(world, record),
    };
    record.reservation = reservation;
    for (const scope of reservation.scopes) counterOf(world, scope).reserved += reservation.microUsd;
    return;
  }
  const early = change.name === 'lose' && world.mutation === 'release-at-lose';
  const { reservation } = record;
  if (reservation === undefined || (money === 'keep' && !early)) return;
  // On the scopes that the reservation names, whatever the day is now.
  for (const scope of reservation.scopes) counterOf(world, scope).reserved -= reservation.microUsd;
  record.reservation = undefined;
  if (money !== 'book') return;
  const microUsd = change.costMicroUsd ?? reservation.microUsd;
  for (const scope of reservation.scopes) counterOf(world, scope).spent += microUsd;
  if (microUsd > reservation.microUsd && !world.stoppedFor.has(record.falId ?? '')) {
    throw new Error(`${record.plan.id} is charged above its reservation, and the submits go on.`);
  }
  record.bookings.push({ microUsd, scopes: reservation.scopes });
  record.isBooked = true;
}

/** What was taken may leave room for one more yet; what was let go may be room for some, or the claim of many. */
function wakeOthers(
  world: World,
  record: RequestRecord,
  { before, reservation }: Pick<RequestRecord, 'reservation'> & { readonly before: RequestRecord['state'] },
): void {
  if (record.reservation !== reservation) {
    const most = record.reservation === undefined ? 5 : 1;
    for (const scope of (record.reservation ?? reservation)?.scopes ?? []) wake(world, scope, most);
  }
  if (holdsClaims(before) && !holdsClaims(record.state)) wake(world, `claim:${record.plan.shotKey}`, 1_000);
}

/** A request has the claims on its images while a POST of its own may be paid for, and no longer. */
export function moveClaims(world: World, record: RequestRecord): void {
  for (const image of imagesOf(record)) {
    const owner = world.claims.get(image);
    if (holdsClaims(record.state)) {
      if (owner === undefined) world.claims.set(image, record.plan.id);
    } else if (owner === record.plan.id) world.claims.delete(image);
  }
}

function imagesOf(record: RequestRecord): readonly string[] {
  return record.plan.indices.map((index) => imageKey(record.plan, index));
}

function scopesOf(world: World, record: RequestRecord): readonly string[] {
  return scopesAt(record.plan.batch, world.nowS);
}

function counterOf(world: World, scope: string): { reserved: number; spent: number } {
  const counter = world.counters.get(scope) ?? { reserved: 0, spent: 0 };
  world.counters.set(scope, counter);
  return counter;
}

import {
  type Evidence,
  nextRound,
  retriedRounds,
  settleDoubt,
  standingByNames,
  wordAndCap,
} from '../../../src/shared/requests/derive.ts';
import type { State } from '../../../src/shared/requests/states.ts';
import { closeRound, namedBy } from './ids.ts';
import { EMPTY, goBack, writeMark } from './memory.ts';
import { moveClaims } from './redis-world.ts';
import { CALL_FAILED, look, type Run, step } from './steps.ts';
import {
  DAY_S,
  type Intent,
  intentKey,
  type LedgerEntry,
  newRecord,
  priceMicroUsd,
  type RequestPlan,
  type RequestRecord,
  type Reservation,
  scopesAt,
  type World,
} from './world.ts';

/**
 * Restores Redis from the store alone, in the order of `src/operations/rebuild/rebuild.ts` and by its own pure rules, one
 * effect at a time: workers of before run on meanwhile, and it may break off anywhere.
 */
export function* rebuild(world: World): Run<void> {
  world.nonces += 1;
  const token = world.nonces;
  const mine = <T>(label: string, effect: () => T) => whileInForce(world, token, label, effect);
  const before = yield* step('claim', () => {
    const { stop } = world.memory;
    if (world.mutation !== 'old-mark') writeMark(world);
    world.memory = { ...EMPTY.memory, counts: [], tick: 0, stop: 'rebuild', rebuilder: token };
    world.goneBack = true;
    // It is of another second than the last one was.
    world.nowS += 1;
    return stop;
  });
  yield* mine('wipe', () => goBack(world, { ...EMPTY, memory: world.memory }));
  const ledger = yield* look('sum the ledger', () => [...world.ledger.values()]);
  yield* mine('spent', () => {
    for (const entry of ledger) addTo(world, bookingOf(world, entry), 'spent');
  });
  const epoch = yield* step('clock', () =>
    world.mutation === 'rebuild-reuses-epochs' ? 0 : world.nowS * 1_000,
  );
  const inDoubt: RequestRecord[] = [];
  for (const batch of new Set([...world.plans.values()].map((plan) => plan.batch))) {
    inDoubt.push(...(yield* restoreBatch(world, batch, epoch, ledger, mine)));
  }
  inDoubt.sort(
    (a, b) =>
      Number(b.state === 'submitted') - Number(a.state === 'submitted') ||
      (b.intentAtS ?? 0) - (a.intentAtS ?? 0),
  );
  for (const record of inDoubt) yield* mine(`restore ${record.plan.id}`, () => restore(world, record));
  const life = yield* step('life', () => {
    world.newestLife += 1;
    return world.newestLife;
  });
  yield* mine('begin', () => {
    world.memory.life = life;
    world.rebuilds += 1;
  });
  yield* mine('go', () => {
    world.memory.stop = before === 'price_changed' || before === 'balance' ? before : undefined;
    world.memory.rebuilder = undefined;
    world.goneBack = false;
  });
}

/** A step of a rebuild in Redis, which changes nothing once another has begun, or Redis was lost again. */
function* whileInForce<T>(world: World, token: number, label: string, effect: () => T): Run<T> {
  const done = yield* step(label, () => {
    const inForce = world.memory.rebuilder === token || world.mutation === 'rebuild-goes-on-when-replaced';
    return inForce ? { value: effect() } : undefined;
  });
  if (done === undefined) throw CALL_FAILED;
  return done.value;
}

type Mine = <T>(label: string, effect: () => T) => Run<T>;

/** Restores all records but those in doubt, which are answered. */
function* restoreBatch(
  world: World,
  batch: string,
  epoch: number,
  ledger: readonly LedgerEntry[],
  mine: Mine,
): Run<readonly RequestRecord[]> {
  const plans = [...world.plans.values()].filter((plan) => plan.batch === batch);
  const traces = yield* look(`list ${batch}`, () =>
    plans.map((plan) => ({ plan, ...tracesOf(world, plan) })),
  );
  const events = yield* look(`events of ${batch}`, () => [...(world.events.get(batch) ?? [])]);
  const { word, hold } = wordAndCap(events, undefined);
  const retried = retriedRounds(events);
  yield* mine(`restore ${batch}`, () => {
    world.batches.set(batch, word);
    if (hold !== undefined) world.together.heldBy.set(batch, 'made');
  });
  const inDoubt: RequestRecord[] = [];
  for (const { plan, delivered, failedRound, sentRound, rounds } of traces) {
    const names = { kind: 'pay', delivered, failedRound, sentRound } as const;
    const standing = standingByNames(names, word, retried.get(memberOf(world, plan)));
    const bookings = ledger
      .filter(({ request }) => request === plan.id)
      .map((entry) => bookingOf(world, entry));
    if (standing.state === 'doubt' && world.mutation !== 'rebuild-plans-anew') {
      const earlier = rounds.filter((one) => one < standing.round && one > (failedRound ?? -1));
      const round = (yield* liveAmong(world, plan, earlier)) ?? standing.round;
      const record = yield* readDoubt(world, plan, { round, epoch, bookings, ledger });
      const first = nextRound(standing.round, world.nowS * 1_000);
      const isReused = world.mutation === 'doubt-in-the-next-round';
      inDoubt.push(isReused ? record : { ...record, nextRound: first });
      continue;
    }
    const seen = Math.max(failedRound ?? -1, sentRound ?? -1);
    const next =
      world.mutation === 'rebuild-reuses-rounds' ? Math.max(seen, 1) : nextRound(seen, world.nowS * 1_000);
    const state: State = standing.state === 'doubt' ? 'planned' : standing.state;
    // What failed stays in its round, which has the id of what fal was paid for.
    const round = state === 'failed' && failedRound !== undefined ? failedRound : next;
    yield* mine(`restore ${plan.id}`, () =>
      restore(world, {
        ...newRecord(plan),
        state,
        epoch,
        round,
        nextRound: next,
        bookings: [...bookings],
      }),
    );
  }
  return inDoubt;
}

/**
 * The last intent may be one that a run of before an earlier rebuild wrote behind it, in a round to which nobody came
 * since. Then an earlier round has an id that has not come to its end; all others are closed, so that no such run finds
 * one for them any more.
 */
function* liveAmong(world: World, plan: RequestPlan, earlier: readonly number[]): Run<number | undefined> {
  if (world.mutation === 'rebuild-trusts-the-last-intent') return undefined;
  for (const round of earlier.toSorted((a, b) => b - a)) {
    const falId = yield* closeRound(world, { request: plan.id, round });
    if (falId === undefined) continue;
    const result = yield* look('read result', () => world.results.get(falId));
    if (result?.unbilled !== true) return round;
  }
  return undefined;
}

function* readDoubt(
  world: World,
  plan: RequestPlan,
  found: {
    readonly round: number;
    readonly epoch: number;
    readonly bookings: readonly Reservation[];
    readonly ledger: readonly LedgerEntry[];
  },
): Run<RequestRecord> {
  const { round, epoch, bookings } = found;
  const name = nameOf(world, plan.id);
  const evidence = yield* look(`evidence of ${plan.id}`, (): Evidence & Pick<Intent, 'atS' | 'posted'> => {
    const intent = world.intents.get(intentKey(plan.id, round));
    if (intent === undefined) throw new Error(`${plan.id} is lost: it is in doubt without an intent.`);
    const named = namedBy(world, { request: plan.id, round });
    const booked = found.ledger.filter(({ request }) => request === plan.id).map(({ falId }) => falId);
    const ids = [...new Set([...named, ...booked])].map((requestId) => {
      const owner = world.idObjects.get(requestId);
      return {
        requestId,
        segment: requestId,
        owner: owner && { ...nameOf(world, owner.request), round: owner.round },
        named: named.includes(requestId),
      };
    });
    const entries = found.ledger
      .filter(({ request }) => request === plan.id)
      .map(({ falId, costMicroUsd }) => ({ idSegment: falId, costMicroUsd }));
    const reserved = priceMicroUsd(plan.indices.length);
    return {
      intent: { round, reserved, day: String(Math.floor(intent.atS / DAY_S)) },
      ids,
      entries,
      atS: intent.atS,
      posted: intent.posted,
    };
  });
  const doubt = settleDoubt(name, evidence);
  const record = {
    ...newRecord(plan),
    state: doubt.state,
    epoch,
    round,
    intentAtS: evidence.atS,
    posted: evidence.posted,
    bookings: [...bookings],
  };
  const reservation = { microUsd: evidence.intent.reserved, scopes: scopesAt(plan.batch, evidence.atS) };
  if (doubt.state === 'unknown') {
    return world.mutation === 'rebuild-forgets-reservations' ? record : { ...record, reservation };
  }
  const falId = doubt.requestId;
  if (doubt.money.kind === 'reserved') return { ...record, falId, reservation };
  return { ...record, falId, isBooked: true };
}

/** One record whole, with its reservation, claims and id. */
function restore(world: World, record: RequestRecord): void {
  const { plan, reservation, falId, round } = record;
  world.records.set(plan.id, record);
  if (reservation !== undefined) addTo(world, reservation, 'reserved');
  if (falId !== undefined) world.ids.set(falId, { request: plan.id, round });
  moveClaims(world, record);
}

/** What the names in the store say of one request. */
function tracesOf(world: World, plan: RequestPlan) {
  const sent = [...world.intents.keys()]
    .filter((key) => key.startsWith(`${plan.id}/`))
    .map((key) => Number(key.slice(plan.id.length + 1)));
  const got = [...world.roundObjects.keys()]
    .filter((key) => key.startsWith(`${plan.id}/`))
    .map((key) => Number(key.split('/')[1]));
  const rounds = [...sent, ...got];
  return {
    delivered: world.deliveries.has(plan.id),
    failedRound: world.failures.get(plan.id),
    sentRound: rounds.length === 0 ? undefined : Math.max(...rounds),
    rounds: [...new Set(rounds)],
  };
}

/** On the ledger's day, whatever the day of the reservation was. */
function bookingOf(world: World, { request, costMicroUsd, atS }: LedgerEntry): Reservation {
  return { microUsd: costMicroUsd, scopes: scopesAt(world.plans.get(request)?.batch ?? '', atS) };
}

function addTo(world: World, { microUsd, scopes }: Reservation, what: 'spent' | 'reserved'): void {
  for (const scope of scopes) {
    const counter = world.counters.get(scope) ?? { reserved: 0, spent: 0 };
    counter[what] += microUsd;
    world.counters.set(scope, counter);
  }
}

/** The name by which the real rules know a request: its place in the list. */
function nameOf(world: World, request: string) {
  const row = [...world.plans.keys()].indexOf(request);
  return { batch: world.plans.get(request)?.batch ?? '', row, part: 0 };
}

/** `<row>.<part>` */
export function memberOf(world: World, plan: RequestPlan): string {
  const { row, part } = nameOf(world, plan.id);
  return `${row}.${part}`;
}

import type { Input } from '../../../src/shared/fal/compare-input.ts';
import type { BatchEvent } from '../../../src/shared/journal/objects.ts';
import type { State, TransitionName } from '../../../src/shared/requests/states.ts';
import type { Submission } from './fal-world.ts';
import type { REFUSED } from './ids.ts';
import type { Shown } from './inputs.ts';
import type { WorkerMemory } from './memory.ts';
import type { Mutation } from './mutations.ts';
import type { Media } from './pictures.ts';
import { type Judge, type Mood, newJudge, newTogether, type Together } from './together.ts';

/** All times in seconds. */
export const POST_WINDOW_S = 30;
export const SKEW_S = 60;
export const START_TIMEOUT_S = 600;
/** Covers the longest run (120 s) and the longest lag of fal's list (180 s) that `fal-world.ts` knows. */
export const MARGIN_S = 300;
export const DAY_S = 86_400;

/** A picture whose render was started this often without an end fails, and keeps its original. */
export const MAX_RENDER_STARTS = 3;

/** The prompt of a picture that brings every render child down. */
export const POISON = 'jug';

/** A paid picture that cannot be had is waited for so long; shorter than the real one, so that it ends often. */
export const MEDIA_PATIENCE_S = 60;

/** A failed run is followed by another at most this many times; then the request fails. */
export const MAX_RERUNS = 2;

export interface RequestPlan {
  readonly id: string;
  readonly batch: string;
  readonly prompt: string;
  /** Further inputs. */
  readonly options?: Input;
  readonly shotKey: string;
  readonly indices: readonly number[];
}

export interface Reservation {
  readonly microUsd: number;
  readonly scopes: readonly string[];
}

export interface RequestRecord {
  readonly plan: RequestPlan;
  state: State;
  epoch: number;
  round: number;
  /** The first round that it may be planned in again. */
  nextRound: number;
  reruns: number;
  renderStarts: number;
  reservation: Reservation | undefined;
  /** The cost of this round is among the bookings. */
  isBooked: boolean;
  /** What this request has cost, in all its rounds. */
  readonly bookings: Reservation[];
  falId: string | undefined;
  /** Of the intent whose POST may be under way or unresolved. */
  intentAtS: number | undefined;
  /** Since when its paid pictures cannot be had. */
  missingSinceS: number | undefined;
  /** What it POSTs, by that intent. */
  posted: Input | undefined;
  /** While held: its endpoint was stopped, and no cap holds it. */
  heldByEndpoint: boolean;
  /** The others wait for its answer, since the stop of its endpoint was lifted. */
  goesFirst: boolean;
}

export interface Intent {
  readonly nonce: string;
  readonly atS: number;
  readonly posted: Input;
  /** The images asked for: those of the request that did not exist yet. */
  readonly indices: readonly number[];
}

export interface Taken {
  readonly request: string;
  readonly round: number;
  /** By fal's own answer, and a user's word, it is certain; what was found may be the POST of another with the same input. */
  readonly how: 'answered' | 'found' | 'decided';
}

export type BatchWord = 'running' | 'paused' | 'held' | 'cancelled';

/** Everything that outlives a worker: Redis, the object store, fal, and the clock. */
export interface World {
  readonly mutation: Mutation | undefined;
  /** Requests may fail together, and fal may refuse all. */
  readonly isTogether: boolean;
  nowS: number;
  nonces: number;
  listUp: boolean;
  media: Media;
  /** Since when fal's list stands still. */
  listFrozenAtS: number | undefined;
  /** How far fal's clock is ahead of ours. */
  readonly falAheadS: number;
  /** How fal's list shows inputs: each entry in one of these ways. */
  readonly shows: readonly Shown[];
  /** What has happened, for a person to read; written only where somebody will. */
  readonly trace: string[] | undefined;
  // Redis
  readonly records: Map<string, RequestRecord>;
  readonly batches: Map<string, BatchWord>;
  /** Limits by kind of scope: `batch`, `day`, `month`. */
  readonly caps: Readonly<Record<ScopeKind, number>>;
  readonly counters: Map<string, { reserved: number; spent: number }>;
  readonly claims: Map<string, string>;
  /** Requests that wait for room on a cap, or for a claim (`claim:<shot key>`), to be woken into their next round. */
  readonly waiting: Map<string, readonly string[]>;
  /** Who has fal's id; set in the same step as the record. */
  readonly ids: Map<string, Pick<Taken, 'request' | 'round'>>;
  memory: {
    life: number | undefined;
    /** Of each worker, the steps it took. */
    readonly counts: number[];
    /** The steps of all. */
    tick: number;
    stop: 'rebuild' | 'redis_lost' | 'price_changed' | 'balance' | undefined;
    /** The rebuild that may write; another one, or a loss, takes its place. */
    rebuilder: number | undefined;
  };
  together: Together;
  /** Redis has forgotten something, and was not rebuilt since. */
  goneBack: boolean;
  rebuilds: number;
  /** Charges above their reservations for which all submits were stopped. */
  readonly stoppedFor: Set<string>;
  readonly judge: Judge;
  readonly used: Set<`${TransitionName} ${State}`>;
  /** What each process of workers knows of Redis. */
  readonly workers: WorkerMemory[];
  // the object store
  readonly plans: ReadonlyMap<string, RequestPlan>;
  readonly events: ReadonlyMap<string, BatchEvent[]>;
  newestLife: number;
  /** How far the newest life has come, as the processes write it down. */
  mark: { life: number; tick: number };
  /** The last round of each request that failed in the end. */
  readonly failures: Map<string, number>;
  readonly deliveries: Set<string>;
  readonly intents: Map<string, Intent>;
  /** What a round has, create-once: fal's id, or that fal refused it, by `<request>/<round>/<number>`. */
  readonly roundObjects: Map<string, (Pick<Taken, 'how'> & { readonly falId: string }) | typeof REFUSED>;
  /** The durable copy of `ids`. */
  readonly idObjects: Map<string, Taken>;
  /** `unbilled`: the run failed, or never started, and a new one may be made. */
  readonly results: Map<string, { readonly costMicroUsd: number; readonly unbilled?: true }>;
  readonly ledger: Map<string, LedgerEntry>;
  /** By image and number: the picture that comes after a damaged one has the next number. */
  readonly originals: Map<string, { readonly falId: string; readonly isDecodable: boolean }>;
  /** Which of them cannot be decoded. */
  readonly damaged: Set<string>;
  /** By image: the ids that were paid for it, and whose picture could not be had, or was damaged. */
  readonly paid: Map<string, Set<string>>;
  // fal
  mood: Mood;
  readonly submissions: Map<string, Submission>;
  readonly postsByIntent: Map<string, number>;
}

export interface LedgerEntry {
  readonly falId: string;
  readonly request: string;
  readonly costMicroUsd: number;
  readonly atS: number;
}

export type ScopeKind = 'batch' | 'day' | 'month';

export interface Scenario {
  readonly requests: readonly RequestPlan[];
  readonly caps: Readonly<Record<ScopeKind, number>>;
  readonly falAheadS: number;
  /** Of workers, each with a memory of its own. */
  readonly processes: 1 | 2;
  /** A line on which half of the answers to POSTs get lost. */
  readonly lossy: boolean;
  /** A Redis that may be emptied or go back in time, and is rebuilt then. */
  readonly forgetful: boolean;
  readonly shows: readonly Shown[];
  /** fal refuses all for a while, or half of the inputs for good. */
  readonly together?: boolean;
}

export type Tracing = 'traced' | 'untraced';

export function openWorld(scenario: Scenario, mutation: Mutation | undefined, tracing: Tracing): World {
  const records = scenario.requests.map((plan): [string, RequestRecord] => [plan.id, newRecord(plan)]);
  return {
    mutation,
    isTogether: scenario.together === true,
    // Ten minutes before midnight, so that schedules cross the end of a day.
    nowS: DAY_S - 600,
    nonces: 0,
    listUp: true,
    media: 'up',
    listFrozenAtS: undefined,
    shows: scenario.shows,
    falAheadS: scenario.falAheadS,
    trace: tracing === 'traced' ? [] : undefined,
    records: new Map(records),
    batches: new Map(scenario.requests.map((plan) => [plan.batch, 'running'])),
    caps: scenario.caps,
    counters: new Map(),
    claims: new Map(),
    waiting: new Map(),
    memory: { life: 1, counts: [], tick: 0, stop: undefined, rebuilder: undefined },
    together: newTogether(),
    goneBack: false,
    rebuilds: 0,
    stoppedFor: new Set(),
    judge: newJudge(),
    used: new Set(),
    workers: Array.from({ length: scenario.processes }, () => ({ life: 1, seen: 0, tick: 0 })),
    plans: new Map(scenario.requests.map((plan) => [plan.id, plan])),
    events: new Map(scenario.requests.map((plan) => [plan.batch, []])),
    newestLife: 1,
    mark: { life: 1, tick: 0 },
    failures: new Map(),
    deliveries: new Set(),
    intents: new Map(),
    ids: new Map(),
    roundObjects: new Map(),
    idObjects: new Map(),
    results: new Map(),
    ledger: new Map(),
    originals: new Map(),
    damaged: new Set(),
    paid: new Map(),
    mood: 'well',
    submissions: new Map(),
    postsByIntent: new Map(),
  };
}

export function newRecord(plan: RequestPlan): RequestRecord {
  return {
    plan,
    state: 'planned',
    epoch: 0,
    round: 1,
    nextRound: 0,
    reruns: 0,
    renderStarts: 0,
    reservation: undefined,
    isBooked: false,
    bookings: [],
    falId: undefined,
    intentAtS: undefined,
    missingSinceS: undefined,
    posted: undefined,
    heldByEndpoint: false,
    goesFirst: false,
  };
}

/** The scopes that count what is reserved or booked at this time. */
export const scopesAt = (batch: string, atS: number): readonly string[] => [
  `batch:${batch}`,
  `day:${Math.floor(atS / DAY_S)}`,
  'month',
];

export const imageKey = (plan: RequestPlan, index: number): string => `${plan.shotKey}/${index}`;

export const intentKey = (request: string, round: number): string => `${request}/${round}`;

/** Cheaper by the piece in one request, as the real price rule is. */
export const priceMicroUsd = (images: number): number => 10_000 + images * 10_000;

/** `If-None-Match: *`: stores the value unless the key exists; answers what is stored then. */
export function createOnce<T>(objects: Map<string, T>, key: string, value: T): T {
  const existing = objects.get(key);
  if (existing !== undefined) return existing;
  objects.set(key, value);
  return value;
}

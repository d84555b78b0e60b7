import type { Fault } from '../../src/local/fal/faults.ts';
import { RUN_FAILURES, type RunFailure } from '../../src/local/fal/outcome.ts';
import type { Random } from '../../src/local/fal/random.ts';
import type { Wanted } from './invariants.ts';
import type { List } from './spec.ts';

/** What is done to the program and to everything around it, and when. Drawn from the seed alone. */
export type Action =
  | { readonly kind: 'SIGKILL' | 'SIGTERM' | 'child-killed'; readonly worker: number }
  | { readonly kind: 'SIGSTOP'; readonly worker: number; readonly forMs: number }
  /** Flushed: rebuilt from the store after that time. */
  | { readonly kind: 'redis-killed' | 'redis-flushed'; readonly forMs: number }
  /** To what it was that long before; rebuilt from the store after `forMs`. */
  | { readonly kind: 'redis-went-back'; readonly backMs: number; readonly forMs: number }
  | {
      readonly kind: 'redis-cut' | 'redis-half-open' | 'redis-replies-lost' | 'redis-slow';
      readonly forMs: number;
    }
  | { readonly kind: 'fal'; readonly fault: Fault }
  | { readonly kind: 'enqueue' | 'enqueue-killed'; readonly list: List; readonly wanted: Wanted }
  | { readonly kind: 'pause'; readonly batch: string; readonly forMs: number }
  | { readonly kind: 'cancel'; readonly batch: string };

export interface Planned {
  readonly atMs: number;
  readonly action: Action;
}

export const WORKERS = 3;
const ENQUEUE_EVERY_MS = 4_000;
const ACTION_EVERY_MS = 700;
const FLUSH_EVERY_MS = 60_000;
const BACK_EVERY_MS = 60_000;
/** A call of fal is given up after half a minute: too long for a short run. */
const HANGS_FROM_MS = 60_000;
/** Nothing new in the last part, so that faults also meet work that is half done. */
const QUIET_END_MS = 3_000;

export function scheduleOf(durationMs: number, random: Random): Planned[] {
  const planned: Planned[] = [];
  const lists: List[] = [];
  for (let atMs = 0; atMs < durationMs - QUIET_END_MS; atMs += ENQUEUE_EVERY_MS) {
    const { list, wanted } = listOf(lists.length, random);
    lists.push(list);
    planned.push({ atMs, action: { kind: random() < 0.25 ? 'enqueue-killed' : 'enqueue', list, wanted } });
  }
  for (let atMs = 1_500; atMs < durationMs; atMs += ACTION_EVERY_MS * (0.5 + random())) {
    const begun = lists.slice(0, 1 + Math.floor(atMs / ENQUEUE_EVERY_MS));
    planned.push({ atMs, action: actionOf(begun, random, durationMs >= HANGS_FROM_MS) });
  }
  for (const atMs of onceIn(FLUSH_EVERY_MS, durationMs, random))
    planned.push({ atMs, action: { kind: 'redis-flushed', forMs: between(200, 3_200, random) } });
  for (const atMs of onceIn(BACK_EVERY_MS, durationMs, random)) {
    // Begins with the moment that Redis goes back to.
    const backMs = between(300, 5_000, random);
    planned.push({
      atMs: atMs - Math.min(backMs, atMs),
      action: { kind: 'redis-went-back', backMs, forMs: between(200, 3_200, random) },
    });
  }
  return planned.sort((a, b) => a.atMs - b.atMs);
}

/** Once in every run, however short, while lists are under way. */
function onceIn(everyMs: number, durationMs: number, random: Random): number[] {
  const times: number[] = [];
  for (let fromMs = 0; fromMs < durationMs; fromMs += everyMs) {
    const spanMs = Math.min(everyMs, durationMs - fromMs);
    times.push(fromMs + Math.round(spanMs * (0.3 + random() * 0.4)));
  }
  return times;
}

function actionOf(lists: readonly List[], random: Random, hangs: boolean): Action {
  const worker = Math.floor(random() * WORKERS);
  const draw = random();
  if (draw < 0.12) return { kind: 'SIGKILL', worker };
  if (draw < 0.22) return { kind: 'SIGSTOP', worker, forMs: between(1_800, 3_500, random) };
  if (draw < 0.27) return { kind: 'SIGTERM', worker };
  if (draw < 0.3) return { kind: 'child-killed', worker };
  if (draw < 0.35) return { kind: 'redis-killed', forMs: between(100, 1_500, random) };
  if (draw < 0.39) return { kind: 'redis-cut', forMs: between(50, 1_500, random) };
  if (draw < 0.43) return { kind: 'redis-half-open', forMs: between(500, 3_000, random) };
  if (draw < 0.48) return { kind: 'redis-replies-lost', forMs: between(50, 500, random) };
  if (draw < 0.51) return { kind: 'redis-slow', forMs: between(500, 2_000, random) };
  if (draw < 0.54) {
    return { kind: 'pause', batch: pick(lists, random).batch, forMs: between(500, 3_000, random) };
  }
  if (draw < 0.57) return { kind: 'cancel', batch: pick(lists, random).batch };
  if (hangs && random() < 0.05) {
    const fault = pick(
      [
        { on: 'submit', kind: 'accepted-then-hang', times: 1 },
        { on: 'submit', kind: 'hang', times: 1 },
        { on: 'status', kind: 'hang', times: 1 },
      ] as const,
      random,
    );
    return { kind: 'fal', fault };
  }
  return { kind: 'fal', fault: falFaultOf(random) };
}

const LOST_ANSWERS = [
  'accepted-then-reset',
  'accepted-truncated',
  'accepted-empty',
  'accepted-null',
  'reset',
  'truncated',
  'empty',
  'null',
] as const;
/** What stops all submits, or those of the endpoint, until a user resumes. */
export const STOPS = [
  'unauthorized',
  'exhausted-balance',
  'payment-required',
  'account-locked',
  'not-found',
  'method-not-allowed',
] as const;
/** Answers of a load balancer behind which the POST was accepted. */
const GIVEN_UP = [502, 499, 408] as const;
const AGAIN = ['conflict', 'too-early'] as const;
const FINAL = ['invalid', 'too-large'] as const;
const READS = [
  'reset',
  'truncated',
  'empty',
  'null',
  'unavailable',
  'rate-limited',
  'not-found',
  'conflict',
  'too-early',
] as const;
/** A list that is away, or of which nobody can say whether it is whole. */
const NO_LIST = ['unavailable', 'no-cursor', 'same-cursor', 'no-end', 'empty', 'null'] as const;
const MEDIA = ['reset', 'unavailable', 'truncated'] as const;
const SPOILED = [
  'html',
  'other-format',
  'corrupt',
  'huge',
  'wrong-length',
  'redirect',
  'undecodable',
] as const;
// In Object.keys the names are texts.
const RUNS = Object.keys(RUN_FAILURES) as RunFailure[];

/** What ends a request for good strikes rows of the fragile kind alone; all else strikes whatever comes. */
const fragile: NonNullable<Fault['when']> = ({ input }) => String(input?.['prompt']).startsWith('fragile');

function falFaultOf(random: Random): Fault {
  const times = 1 + Math.floor(random() * 3);
  const draw = random();
  if (draw < 0.25) return { on: 'submit', kind: pick(LOST_ANSWERS, random), times };
  if (draw < 0.3)
    return { on: 'submit', kind: 'accepted-then-status', status: pick(GIVEN_UP, random), times };
  if (draw < 0.34) return { on: 'submit', kind: 'accepted-late', delayMs: 300, times };
  if (draw < 0.38) return { on: 'submit', kind: 'rate-limited', retryAfterS: 0.5, times };
  if (draw < 0.39) return { on: 'submit', kind: 'locked', retryAfterS: 0.2, times };
  if (draw < 0.4) return { on: 'submit', kind: pick(AGAIN, random), times: 1, when: fragile };
  if (draw < 0.41) return { on: 'submit', kind: pick(['unavailable', 'client-closed'], random), times };
  if (draw < 0.44) return { on: 'submit', kind: pick(STOPS, random), times: 1 };
  if (draw < 0.48) return { on: 'submit', kind: pick(FINAL, random), times: 1, when: fragile };
  if (draw < 0.58) return { on: 'run', kind: pick(RUNS, random), times, when: fragile };
  if (draw < 0.62) return { on: 'run', kind: 'hide-units', times };
  if (draw < 0.68) return { on: 'status', kind: pick(READS, random), times };
  if (draw < 0.72) return { on: 'status', kind: 'fall-back', times };
  if (draw < 0.8) return { on: 'result', kind: pick(READS, random), times };
  if (draw < 0.84) return { on: 'list', kind: pick(NO_LIST, random), times };
  if (draw < 0.87) return { on: 'list', kind: 'lag', lagMs: 800, times };
  // For good: a page size that changes between two pages of one reading hides rows, which fal does not do.
  if (draw < 0.9) return { on: 'list', kind: 'small-pages', pageSize: 2 };
  if (draw < 0.92) return { on: 'pricing', kind: 'unavailable', times };
  if (draw < 0.94) return { on: 'media', kind: pick(MEDIA, random), times };
  if (draw < 0.95) return { on: 'media', kind: 'status', status: 403, times };
  if (draw < 0.96) return { on: 'address', kind: 'signed', ttlMs: 2_000, times };
  if (draw < 0.965) return { on: 'address', kind: 'other-host', times, when: fragile };
  return { on: 'media', kind: pick(SPOILED, random), times, when: fragile };
}

function listOf(at: number, random: Random): { list: List; wanted: Wanted } {
  const batch = `list-${at}`;
  const rows = Array.from({ length: 3 + Math.floor(random() * 5) }, (_, row) => {
    const draw = random();
    const recipe = random() < 0.3 ? 'catalog' : 'original';
    const variants = String(random() < 0.2 ? 4 : 1);
    // Wanted by several lists at once.
    if (draw < 0.3) {
      const number = at + Math.floor(random() * 3);
      return { id: `shared-${number}`, prompt: `shared vase ${number}`, recipe, variants };
    }
    // Of equal input.
    if (draw < 0.4) return { id: `twin-${at}-${row}`, prompt: `sturdy twin of ${at}`, recipe, variants: '1' };
    const nature = draw < 0.7 ? 'fragile' : 'sturdy';
    const words = draw > 0.67 && draw < 0.7 ? 'bloody knife' : 'bowl';
    return { id: `${nature}-${at}-${row}`, prompt: `${nature} ${words} ${at} ${row}`, recipe, variants };
  }).filter(({ id }, index, all) => all.findIndex((one) => one.id === id) === index);
  const capMicroUsd = random() < 0.2 ? 10_000 * (1 + Math.floor(random() * rows.length)) : undefined;
  const survives = 'delivered|held|render_crashed';
  const ends = rows.map(({ id }) => [id, id.startsWith('fragile') ? 'ended' : survives] as const);
  const priority = 1 + Math.floor(random() * 2_000);
  return { list: { batch, rows, capMicroUsd, priority }, wanted: { batch, rows, ends: new Map(ends) } };
}

function between(min: number, max: number, random: Random): number {
  return Math.round(min + random() * (max - min));
}

function pick<T>(from: readonly T[], random: Random): T {
  const chosen = from[Math.floor(random() * from.length)];
  if (chosen === undefined) throw new RangeError('nothing to pick from');
  return chosen;
}

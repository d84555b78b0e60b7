import { copyTogether, newTogether } from './together.ts';
import type { World } from './world.ts';

/** What Redis held at some moment, for a failover or a backup to bring back. */
export type Snapshot = Pick<
  World,
  'records' | 'batches' | 'counters' | 'claims' | 'waiting' | 'ids' | 'memory' | 'together'
>;

/** One process: what it knows of Redis (`src/shared/requests/redis-continuity.ts`). */
export interface WorkerMemory {
  life: number;
  /** Its own steps that it knows Redis to have counted; `Infinity` once it has found one forgotten. */
  seen: number;
  /** The steps of all that it knows Redis to have counted. */
  tick: number;
}

/** A copy of its own: plans, reservations and owners of ids never change, and are shared. */
export function takeSnapshot(now: Snapshot): Snapshot {
  const { records, batches, counters, claims, waiting, ids, memory, together } = now;
  const recordsThen: Snapshot['records'] = new Map();
  for (const [id, record] of records) recordsThen.set(id, { ...record, bookings: [...record.bookings] });
  const countersThen: Snapshot['counters'] = new Map();
  for (const [scope, counter] of counters) countersThen.set(scope, { ...counter });
  return {
    records: recordsThen,
    batches: new Map(batches),
    counters: countersThen,
    claims: new Map(claims),
    waiting: new Map(waiting),
    ids: new Map(ids),
    memory: { ...memory, counts: [...memory.counts] },
    together: copyTogether(together),
  };
}

/** A Redis that holds nothing; the store is as it was. */
export const EMPTY: Snapshot = {
  records: new Map(),
  batches: new Map(),
  counters: new Map(),
  claims: new Map(),
  waiting: new Map(),
  ids: new Map(),
  memory: { life: undefined, counts: [], tick: 0, stop: undefined, rebuilder: undefined },
  together: newTogether(),
};

/** Redis holds what it held then, and nothing else. */
export function goBack(world: World, snapshot: Snapshot): void {
  const then = takeSnapshot(snapshot);
  refill(world.records, then.records);
  refill(world.batches, then.batches);
  refill(world.counters, then.counters);
  refill(world.claims, then.claims);
  refill(world.waiting, then.waiting);
  refill(world.ids, then.ids);
  world.memory = then.memory;
  world.together = then.together;
}

/** Asked in the very step that allows a submit: whether Redis is known to have forgotten something. */
export function hasForgotten(world: World, worker: number): boolean {
  const known = memoryOf(world, worker);
  const { life, counts, tick } = world.memory;
  if (life === known.life) {
    if ((counts[worker] ?? 0) < known.seen) return true;
    return tick < known.tick && world.mutation !== 'own-steps-only';
  }
  if (life === undefined || life < known.life || life !== world.newestLife) return true;
  // Rebuilt meanwhile: this process goes on with it, and its runs of before are refused by their epochs.
  world.workers[worker] = { life, seen: 0, tick: 0 };
  return false;
}

/** What Redis counted of this worker's own steps and of all, as the answer to one says. */
export function note(
  world: World,
  worker: number,
  { life, count, tick }: { readonly life: number | undefined; readonly count: number; readonly tick: number },
): void {
  const known = memoryOf(world, worker);
  if (known.life !== life) return;
  known.seen = count > known.seen ? count : Number.POSITIVE_INFINITY;
  known.tick = Math.max(known.tick, tick);
}

/** What every process does each two seconds: it sees how far Redis has come, and stops all submits where it is lost. */
export function lookAround(world: World): void {
  if (world.mutation === 'no-witness') return;
  for (const [worker, known] of world.workers.entries()) {
    if (hasForgotten(world, worker)) {
      known.seen = Number.POSITIVE_INFINITY;
      world.memory.stop = 'redis_lost';
    } else memoryOf(world, worker).tick = world.memory.tick;
  }
}

/** What a process does each minute: whoever starts anew knows nothing else. */
export function writeMark(world: World): void {
  const { life, tick } = world.memory;
  if (life !== world.newestLife) return;
  if (world.mark.life !== life || world.mark.tick < tick) world.mark = { life, tick };
}

/** A process that begins anew; one that finds Redis to have gone back begins nothing until it is rebuilt. */
export function restart(world: World, worker: number): void {
  const { life, tick } = world.memory;
  const { newestLife, mark } = world;
  const isSound = life === newestLife && (mark.life !== life || tick >= mark.tick);
  world.workers[worker] = {
    // One without a name is older than all.
    life: life ?? 0,
    seen: isSound ? 0 : Number.POSITIVE_INFINITY,
    tick: isSound ? tick : 0,
  };
}

function memoryOf(world: World, worker: number): WorkerMemory {
  const known = world.workers[worker];
  if (known === undefined) throw new Error(`The model has no worker ${worker}.`);
  return known;
}

function refill<V>(map: Map<string, V>, from: ReadonlyMap<string, V>): void {
  map.clear();
  for (const [key, value] of from) map.set(key, value);
}

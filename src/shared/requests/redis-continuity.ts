import { randomBytes } from 'node:crypto';
import { isOdd, UserError } from '../base/errors.ts';
import type { Clock } from '../base/time.ts';
import type { Journal } from '../journal/journal.ts';
import { countOf, flagOf } from '../redis/answers.ts';
import type { Redis } from '../redis/redis.ts';
import { isTooLate } from '../store/own-keys.ts';
import type { Stop } from './batches.ts';

/**
 * The witness of a Redis that forgot: one that was emptied, or that went back in time (a failover that lost writes, a
 * backup that was put back). On such a Redis a request may stand as never sent that was sent.
 *
 * Four words are compared. The *life* is a name that Redis and the store both hold; the newest in the store is in
 * force. Each worker's *count* of its own steps stands in Redis and in its memory, and goes up with each step in the
 * same script: a Redis that forgot one of them counts less. The *tick* is the count of all steps: each worker knows it as
 * of its last step or look (two seconds), so that steps of one that has ended since are missed too. The *mark* is the
 * tick, written to the store each minute, for when every worker was started anew.
 */
export interface Witness {
  /** What Redis must know, or nothing may be begun on it; undefined before a worker has opened the memory. */
  expected():
    | { readonly life: string; readonly worker: string; readonly seen: number; readonly tick: number }
    | undefined;
  /** What Redis counted, in which life, after a step of this worker: its own steps, and those of all. */
  note(life: string, seen: number, tick: number): void;
  /** Compares again, after a step was refused. `renewed`: Redis was rebuilt, and the step may be taken again. */
  look(): Promise<'sound' | 'lost' | 'renewed'>;
}

export const REDIS_LOST = {
  code: 'redis_lost',
  reason: 'redis_lost: Redis forgot what it had been told; run shotlist rebuild',
} as const satisfies Stop;

export interface RedisMemoryDeps {
  readonly redis: Redis;
  readonly prefix: string;
  readonly journal: Pick<Journal, 'newestLife' | 'writeLife' | 'readMark' | 'writeMark'>;
  /** Whether the store holds a batch that is not at its end. */
  readonly hasUnfinished: (signal?: AbortSignal) => Promise<boolean>;
  /** Puts what was spent in this month into counters that are not there. */
  readonly restoreSpent: (signal?: AbortSignal) => Promise<void>;
  readonly clock: Clock;
}

/** A count that no Redis reaches: nothing is begun until another life is in force. */
const NEVER = Number.MAX_SAFE_INTEGER;

export class RedisMemory implements Witness {
  readonly #deps: RedisMemoryDeps;
  readonly #worker = `w-${randomBytes(6).toString('hex')}`;
  #believed: { life: string; seen: number; tick: number } | undefined;
  #marked = -1;

  constructor(deps: RedisMemoryDeps) {
    this.#deps = deps;
  }

  expected() {
    return this.#believed === undefined ? undefined : { ...this.#believed, worker: this.#worker };
  }

  note(life: string, seen: number, tick: number): void {
    if (this.#believed?.life !== life) return;
    // All steps of a process go over one connection, so that their answers come in order.
    this.#believed.seen = seen > this.#believed.seen ? seen : NEVER;
    this.#believed.tick = Math.max(this.#believed.tick, tick);
  }

  /** The life that this worker goes by. */
  life(): string | undefined {
    return this.#believed?.life;
  }

  /** Whether this worker has found Redis to have forgotten something. */
  isLost(): boolean {
    return this.#believed?.seen === NEVER;
  }

  /**
   * Before anything is begun: sees to it that this Redis is the one that worked on the store before. One that is new
   * to a store in which nothing is under way becomes it. Rejects with a `UserError` (`redis_lost`) otherwise.
   */
  async open(signal?: AbortSignal): Promise<void> {
    try {
      await this.#open(signal);
    } catch (error) {
      if (!isOdd(error)) throw error;
      // Without a count that can be compared, nobody knows. A rebuild begins both again.
      throw lost(`It cannot be told whether Redis went back in time (${error.message})`);
    }
  }

  async #open(signal: AbortSignal | undefined): Promise<void> {
    const { redis, prefix, journal } = this.#deps;
    const { life, tick } = await this.#read();
    // As of a Redis that took its name from one; a rebuild begins a life of today.
    if (life !== undefined && isTooLate(life, this.#deps.clock()))
      throw lost('Redis holds a life that begins in the future');
    const newest = await journal.newestLife(signal);
    // A later name than the store's: one that began and broke off before the store was told.
    if (life !== undefined && (newest === undefined || life >= newest)) {
      await journal.writeLife({ life, at: this.#deps.clock(), by: 'start' }, signal);
      const mark = await journal.readMark(life, signal);
      if (mark !== undefined && tick < mark) throw lost('Redis went back in time');
      this.#believe(life, tick);
      return;
    }
    if (life !== undefined) throw lost('Redis went back in time');
    const used = flagOf('EXISTS', await redis.exists(`${prefix}:batches`));
    // One that is in use and has no life yet was filled by a release that knew none.
    if (newest !== undefined || !used) {
      if (used) throw lost('Redis holds batches, but is not the one that worked on this store last');
      if (await this.#deps.hasUnfinished(signal)) {
        throw lost('Redis is empty, but the store holds batches that are not at their end');
      }
      await this.#deps.restoreSpent(signal);
    }
    await this.#begin(signal);
  }

  /** Compares again. `renewed`: Redis was rebuilt, and this worker may go on with it. */
  async look(signal?: AbortSignal): Promise<'sound' | 'lost' | 'renewed'> {
    const believed = this.#believed;
    if (believed === undefined) return 'sound';
    const before = { ...believed };
    const { life, seen, tick } = await this.#read();
    if (life === believed.life) {
      if (seen < before.seen || tick < before.tick) believed.seen = NEVER;
      else believed.tick = Math.max(believed.tick, tick);
      return this.isLost() ? 'lost' : 'sound';
    }
    if (
      life !== undefined &&
      life > believed.life &&
      life === (await this.#deps.journal.newestLife(signal))
    ) {
      this.#believed = { life, seen: 0, tick };
      return 'renewed';
    }
    believed.seen = NEVER;
    return 'lost';
  }

  /** Writes down how far Redis has come. */
  async mark(signal?: AbortSignal): Promise<void> {
    if (this.#believed === undefined || this.isLost()) return;
    const { life, tick } = await this.#read();
    if (life !== this.#believed.life || tick <= this.#marked) return;
    await this.#deps.journal.writeMark(life, tick, signal);
    this.#marked = tick;
  }

  /** Racing workers begin the same life. */
  async #begin(signal?: AbortSignal): Promise<void> {
    const { redis, prefix, journal, clock } = this.#deps;
    await redis.hsetnx(`${prefix}:memory`, 'life', nextLife(await journal.newestLife(signal), clock()));
    const { life, tick } = await this.#read();
    if (life === undefined) throw lost('Redis was emptied just now');
    await journal.writeLife({ life, at: clock(), by: 'start' }, signal);
    this.#believe(life, tick);
  }

  /** A second worker of the same process finds the count of the first. */
  #believe(life: string, tick: number): void {
    if (this.#believed?.life !== life) this.#believed = { life, seen: 0, tick };
  }

  async #read(): Promise<{ life: string | undefined; tick: number; seen: number }> {
    const { redis, prefix } = this.#deps;
    const [life, tick, seen] = await redis.hmget(`${prefix}:memory`, 'life', 'tick', this.#worker);
    // No life: a Redis that is new, or was emptied. It has no counters then; else one that is no number is a fault, since
    // nothing compares as less than it.
    return { life: life ?? undefined, tick: countOf('tick', tick), seen: countOf('seen', seen) };
  }
}

/** Names sort by the time of their beginning, also where the clock of who began the last one goes before ours. */
export function nextLife(newest: string | undefined, nowMs: number): string {
  const after = Math.max(nowMs, Number(newest?.split('-')[0] ?? 0) + 1);
  return `${String(after).padStart(14, '0')}-${randomBytes(4).toString('hex')}`;
}

function lost(what: string): UserError {
  return new UserError(
    'redis_lost',
    `${what}: going on could pay for the same pictures again. Run shotlist rebuild (with --simulate for simulated work), which restores it from the store; nothing is paid by that.`,
  );
}

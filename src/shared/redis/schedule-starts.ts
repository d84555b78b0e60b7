import { randomUUID } from 'node:crypto';
import type { Redis } from './redis.ts';

/** A list that broke so often is not planned again until its next run. */
export const MAX_BROKEN_STARTS = 2;

/** A start that nobody ended is forgotten after it. */
const KEPT_MS = 86_400_000;

/**
 * How often in a row the list of a schedule was begun to be planned, and never said how that ended: the process that
 * planned it broke, or the worker died with it. In Redis, so that the next worker knows.
 */
export class ScheduleStarts {
  readonly #redis: Redis;
  readonly #prefix: string;

  constructor({ redis, prefix }: { readonly redis: Redis; readonly prefix: string }) {
    this.#redis = redis;
    this.#prefix = prefix;
  }

  /** Counts a start, and resolves to the number of those before it that are not over. */
  async begin(name: string): Promise<number> {
    const key = this.#keyOf(name);
    // A name and not a number: a command that is sent twice counts once.
    await this.#redis.sadd(key, randomUUID());
    await this.#redis.pexpire(key, KEPT_MS);
    return (await this.#redis.scard(key)) - 1;
  }

  /** The planning has come to an end, good or bad: none of its starts is counted any more. */
  async over(name: string): Promise<void> {
    await this.#redis.del(this.#keyOf(name));
  }

  #keyOf(name: string): string {
    return `${this.#prefix}:schedule-starts:${name}`;
  }
}

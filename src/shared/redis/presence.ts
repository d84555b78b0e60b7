import { z } from 'zod';
import type { Redis } from './redis.ts';

export interface AttendanceDeps {
  readonly redis: Redis;
  readonly prefix: string;
}

/** One that says nothing for so long is gone; it says so itself when it stops. */
const PRESENT_S = 15;

/** Which workers are there, so that a person who waits for nothing is told. By the clock of Redis alone. */
export class Attendance {
  readonly #deps: AttendanceDeps;

  constructor(deps: AttendanceDeps) {
    this.#deps = deps;
  }

  /** To be said again every few seconds. `worker`: a name that no other has. */
  async here(worker: string, roles: readonly string[]): Promise<void> {
    const { redis, prefix } = this.#deps;
    await redis.eval(HERE, 0, prefix, PRESENT_S, ...roles.map((role) => memberOf(role, worker)));
  }

  async gone(worker: string, roles: readonly string[]): Promise<void> {
    const { redis, prefix } = this.#deps;
    await redis.zrem(`${prefix}:workers`, ...roles.map((role) => memberOf(role, worker)));
  }

  /** How many workers of each role are there; a role without one is left out. */
  async present(): Promise<ReadonlyMap<string, number>> {
    const { redis, prefix } = this.#deps;
    const members = z.array(z.string()).parse(await redis.eval(PRESENT, 0, prefix, PRESENT_S));
    const counts = new Map<string, number>();
    for (const member of members) {
      const role = member.split(' ', 1)[0] ?? '';
      counts.set(role, (counts.get(role) ?? 0) + 1);
    }
    return counts;
  }
}

function memberOf(role: string, worker: string): string {
  return `${role} ${worker}`;
}

const HERE = `
local key, now = ARGV[1] .. ':workers', tonumber(redis.call('TIME')[1])
for i = 3, #ARGV do redis.call('ZADD', key, now, ARGV[i]) end
redis.call('ZREMRANGEBYSCORE', key, '-inf', now - 2 * tonumber(ARGV[2]))
return 1
`;

const PRESENT = `
local now = tonumber(redis.call('TIME')[1])
return redis.call('ZRANGEBYSCORE', ARGV[1] .. ':workers', now - tonumber(ARGV[2]), '+inf')
`;

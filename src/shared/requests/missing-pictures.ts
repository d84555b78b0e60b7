import { z } from 'zod';
import type { Redis } from '../redis/redis.ts';
import { parseRequestKey } from '../store/keys.ts';

export interface MissingPicturesDeps {
  readonly redis: Redis;
  readonly prefix: string;
}

/**
 * Which submitted requests wait for pictures that fal was paid for and that cannot be had now, with how many and why:
 * `P:missing`, request → `<pictures> <why>`.
 */
export class MissingPictures {
  readonly #deps: MissingPicturesDeps;

  constructor(deps: MissingPicturesDeps) {
    this.#deps = deps;
  }

  /** Resolves to how many pictures of all requests are missing then. */
  async note(request: string, pictures: number, why: string): Promise<number> {
    const { redis, prefix } = this.#deps;
    return z.int().parse(await redis.eval(NOTE, 0, prefix, request, `${pictures} ${why}`));
  }

  async forget(request: string): Promise<void> {
    const { redis, prefix } = this.#deps;
    await redis.hdel(`${prefix}:missing`, request);
  }

  /** A picture of it was fetched: lifts the stop that missing pictures made, and no other. Resolves to whether it stood. */
  async found(request: string): Promise<boolean> {
    const { redis, prefix } = this.#deps;
    return (await redis.eval(FOUND, 0, prefix, request)) === 1;
  }

  /** Of one batch: how many pictures, and one example of why; undefined where none is missing. */
  async ofBatch(batch: string): Promise<{ readonly pictures: number; readonly why: string } | undefined> {
    const { redis, prefix } = this.#deps;
    const all = Object.entries(await redis.hgetall(`${prefix}:missing`));
    const own = all.filter(([request]) => parseRequestKey(request)?.batch === batch);
    const [first] = own;
    if (first === undefined) return undefined;
    // As the script counts: a value that says no number is of one picture.
    const pictures = own.reduce((sum, [, value]) => sum + Number(/^\d+/.exec(value)?.[0] ?? 1), 0);
    return { pictures, why: first[1].slice(first[1].indexOf(' ') + 1) };
  }
}

const NOTE = `
local key = ARGV[1] .. ':missing'
redis.call('HSET', key, ARGV[2], ARGV[3])
local sum = 0
for _, value in ipairs(redis.call('HVALS', key)) do sum = sum + tonumber(string.match(value, '^%d+') or '1') end
return sum
`;

const FOUND = `
redis.call('HDEL', ARGV[1] .. ':missing', ARGV[2])
local stop = ARGV[1] .. ':stop'
if redis.call('HGET', stop, 'code') ~= 'media' then return 0 end
redis.call('DEL', stop)
return 1
`;

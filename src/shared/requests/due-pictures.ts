import { z } from 'zod';
import { isOdd } from '../base/errors.ts';
import type { Redis } from '../redis/redis.ts';
import { parseRequestKey } from '../store/keys.ts';

/** A paid picture of a failed request, which workers fetch by themselves later. */
export interface DuePicture {
  readonly shotKey: string;
  readonly index: number;
  /** The failed request, to be rendered when its pictures have come. */
  readonly request: string;
}

/** How often it was looked for since the request failed, and what is known of a picture that seems to be gone. */
const progress = z.object({
  looks: z.int().default(0),
  /** When the first look was due to begin. */
  sinceMs: z.int(),
  gone: z.object({ looks: z.int(), firstMs: z.int(), lastMs: z.int() }).optional(),
});
export type DueProgress = z.infer<typeof progress>;

export interface DuePicturesDeps {
  readonly redis: Redis;
  readonly prefix: string;
}

/** `P:due`: pictures by the time of their next look; `P:due:progress`: how far each is. */
export class DuePictures {
  readonly #deps: DuePicturesDeps;

  constructor(deps: DuePicturesDeps) {
    this.#deps = deps;
  }

  /** One that is there already keeps its time. */
  async add(picture: DuePicture, atMs: number, sinceMs: number): Promise<void> {
    const { redis } = this.#deps;
    const member = memberOf(picture);
    await redis
      .multi()
      .hsetnx(this.#progress, member, JSON.stringify({ sinceMs }))
      .zadd(this.#due, 'NX', atMs, member)
      .exec();
  }

  /** The next ones that are due, at most `count`. */
  async due(
    nowMs: number,
    count: number,
  ): Promise<readonly (DuePicture & { readonly progress: DueProgress })[]> {
    const { redis } = this.#deps;
    const members = await redis.zrangebyscore(this.#due, '-inf', nowMs, 'LIMIT', 0, count);
    if (members.length === 0) return [];
    const known = await redis.hmget(this.#progress, ...members);
    return members.map((member, at) => ({
      ...pictureOf(member),
      progress: progressOf(known[at]) ?? { looks: 0, sinceMs: nowMs },
    }));
  }

  /** When it is looked for next. */
  async postpone(picture: DuePicture, atMs: number, now: DueProgress): Promise<void> {
    const { redis } = this.#deps;
    const member = memberOf(picture);
    await redis
      .multi()
      .hset(this.#progress, member, JSON.stringify(now))
      .zadd(this.#due, 'XX', atMs, member)
      .exec();
  }

  async remove(picture: DuePicture): Promise<void> {
    const { redis } = this.#deps;
    const member = memberOf(picture);
    await redis.multi().zrem(this.#due, member).hdel(this.#progress, member).exec();
  }

  /** Makes those of a batch due now; without a batch, all. Resolves to how many. */
  async hurry(batch: string | undefined): Promise<number> {
    const { redis } = this.#deps;
    let hurried = 0;
    let cursor = '0';
    do {
      const [next, found] = await redis.zscan(this.#due, cursor, 'COUNT', 500);
      cursor = next;
      // Members and scores take turns.
      const members = found.filter((_, at) => at % 2 === 0);
      const own = members.filter(
        (member) => batch === undefined || parseRequestKey(pictureOf(member).request)?.batch === batch,
      );
      for (const member of own) await redis.zadd(this.#due, 'XX', 0, member);
      hurried += own.length;
    } while (cursor !== '0');
    return hurried;
  }

  get #due(): string {
    return `${this.#deps.prefix}:due`;
  }

  get #progress(): string {
    return `${this.#deps.prefix}:due:progress`;
  }
}

/** undefined where there is none, or it cannot be read: then its looks are counted from now on again. */
function progressOf(text: string | null | undefined): DueProgress | undefined {
  if (text === null || text === undefined) return undefined;
  try {
    return progress.parse(JSON.parse(text));
  } catch (error) {
    if (!isOdd(error)) throw error;
    return undefined;
  }
}

function memberOf({ shotKey, index, request }: DuePicture): string {
  return `${shotKey}/${index}/${request}`;
}

function pictureOf(member: string): DuePicture {
  const [shotKey = '', index = '', ...request] = member.split('/');
  return { shotKey, index: Number(index), request: request.join('/') };
}

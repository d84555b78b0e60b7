import type { Redis } from '../redis/redis.ts';
import type { Batches, Stop } from './batches.ts';
import { type Woken, woken } from './outcome.ts';
import { COMMON } from './transition-script.ts';

/**
 * Submits of one endpoint are stopped when fal says that it is gone; those of all other endpoints go on. A request of a
 * stopped endpoint is held when its job comes. Once the stop is lifted, one request goes first, and the others follow
 * after its answer (`transition-script.ts` has the steps). Redis alone knows of it: after a rebuild the next submit makes
 * the stop again.
 */
export class EndpointStops {
  readonly #redis: Redis;
  readonly #prefix: string;

  constructor({ redis, prefix }: { readonly redis: Redis; readonly prefix: string }) {
    this.#redis = redis;
    this.#prefix = prefix;
  }

  /** The first reason stays. Resolves to the requests that waited for an answer, which need a job to be held. */
  async stop(endpoint: string, reason: string): Promise<readonly Woken[]> {
    return await this.#step(STOP, { endpoint, reason });
  }

  /** Lifts the stops of these endpoints, or all. Resolves to the endpoints that were stopped. */
  async lift(endpoints?: readonly string[]): Promise<readonly string[]> {
    const stopped = [...(await this.all()).keys()];
    const lifted = stopped.filter((one) => endpoints === undefined || endpoints.includes(one));
    for (const endpoint of lifted) await this.#step(LIFT, { endpoint });
    return lifted;
  }

  /** Resolves to how many 423 in a row there are by this answer; any other one ends the row. */
  async countLocked(endpoint: string, answer: 'locked' | 'other'): Promise<number> {
    const key = `${this.#prefix}:endpoint-locked`;
    if (answer === 'locked') return await this.#redis.hincrby(key, endpoint, 1);
    await this.#redis.hdel(key, endpoint);
    return 0;
  }

  /** Why each stopped endpoint is, by its id. */
  async all(): Promise<ReadonlyMap<string, string>> {
    return new Map(Object.entries(await this.#redis.hgetall(`${this.#prefix}:endpoint-stops`)));
  }

  async #step(script: string, given: object): Promise<readonly Woken[]> {
    return woken.parse(
      JSON.parse(String(await this.#redis.eval(script, 0, this.#prefix, JSON.stringify(given)))),
    );
  }
}

/** What keeps submits back beside caps and the batch's own mode. */
export interface Stops {
  /** Of all submits. */
  readonly all: Stop | undefined;
  /** Of single endpoints: why, by the endpoint's id. */
  readonly endpoints: ReadonlyMap<string, string>;
}

export const NO_STOPS: Stops = { all: undefined, endpoints: new Map() };

export interface StopsDeps {
  readonly batches: Pick<Batches, 'stopped'>;
  readonly endpointStops: Pick<EndpointStops, 'all'>;
}

/** Everything that keeps submits back by now. */
export async function readStops({ batches, endpointStops }: StopsDeps): Promise<Stops> {
  const [all, endpoints] = await Promise.all([batches.stopped(), endpointStops.all()]);
  return { all, endpoints };
}

const STOP = `${COMMON}
redis.call('HSETNX', P .. ':endpoint-stops', a.endpoint, a.reason)
redis.call('HDEL', P .. ':endpoint-first', a.endpoint)
redis.call('HDEL', P .. ':endpoint-locked', a.endpoint)
local woken = {}
wake('endpoint:' .. a.endpoint, 1000, woken)
return #woken == 0 and '[]' or cjson.encode(woken)
`;

const LIFT = `${COMMON}
if redis.call('HDEL', P .. ':endpoint-stops', a.endpoint) == 1 then
  redis.call('HSET', P .. ':endpoint-first', a.endpoint, '')
end
return '[]'
`;

import { type Random, randomOf } from '../../src/local/fal/random.ts';
import { UnavailableError } from '../../src/shared/base/errors.ts';
import type { ListedObject, ObjectStore } from '../../src/shared/store/object-store.ts';
import { replaced } from './points.ts';

export interface Flakiness {
  readonly seed: string;
  /** 0 to 1: of all calls, how many fail. */
  readonly rate: number;
  /** From 1970: whole after this. */
  readonly untilMs: number;
}

const METHODS = new Set(['put', 'putFile', 'putOnce', 'get', 'list']);
/** Most folders of a short run hold fewer keys. */
const MOST_KEYS_BEFORE = 8;

/**
 * A store that fails now and then, half of the time after the object was written: the reply is lost, not the effect. A
 * listing fails before its first key or behind a few: what S3's answers come to that are none (`s3-listing.ts`).
 */
export function flakyStore(store: ObjectStore, { seed, rate, untilMs }: Flakiness): ObjectStore {
  const random = randomOf(seed);
  return replaced(store, (method, _args, call) => {
    if (!METHODS.has(method) || Date.now() > untilMs || random() >= rate) return call();
    const fault = new UnavailableError('s3', `${method} failed by the flaky store`);
    // As `ObjectStore.list` answers.
    if (method === 'list') return brokenOff(call() as AsyncIterable<ListedObject>, random, fault);
    if (random() < 0.5) return Promise.reject(fault);
    return Promise.resolve(call()).then(() => Promise.reject(fault));
  });
}

async function* brokenOff(
  listed: AsyncIterable<ListedObject>,
  random: Random,
  fault: UnavailableError,
): AsyncGenerator<ListedObject> {
  let left = Math.floor(random() * MOST_KEYS_BEFORE);
  for await (const object of listed) {
    if (left === 0) break;
    left -= 1;
    yield object;
  }
  throw fault;
}

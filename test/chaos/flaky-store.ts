import { randomOf } from '../../src/local/fal/random.ts';
import { UnavailableError } from '../../src/shared/errors.ts';
import type { ObjectStore } from '../../src/shared/object-store.ts';
import { replaced } from './points.ts';

export interface Flakiness {
  readonly seed: string;
  /** 0 to 1: of all calls, how many fail. */
  readonly rate: number;
  /** From 1970: whole after this. */
  readonly untilMs: number;
}

const METHODS = new Set(['put', 'putFile', 'putOnce', 'get']);

/** A store that fails now and then, half of the time after the object was written: the reply is lost, not the effect. */
export function flakyStore(store: ObjectStore, { seed, rate, untilMs }: Flakiness): ObjectStore {
  const random = randomOf(seed);
  return replaced(store, (method, _args, call) => {
    if (!METHODS.has(method) || Date.now() > untilMs || random() >= rate) return call();
    const fault = new UnavailableError('s3', `${method} failed by the flaky store`);
    if (random() < 0.5) return Promise.reject(fault);
    return Promise.resolve(call()).then(() => Promise.reject(fault));
  });
}

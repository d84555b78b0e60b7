import { ORIGINALS } from '../shared/keys.ts';
import type { ObjectStore } from '../shared/object-store.ts';
import { originalsOf } from '../shared/originals.ts';

/** One page of any S3 store. */
const SMALL_STORE_KEYS = 1_000;

/**
 * Which variants of a shot exist already. A store with few originals is listed once, with one request; in a large one
 * each shot is looked up by itself.
 */
export async function createMade(
  store: ObjectStore,
  signal?: AbortSignal,
): Promise<(shotKey: string, variants: number) => Promise<readonly number[]>> {
  const few = await fewOriginals(store, signal);
  return async (shotKey, variants) => {
    const indices = few?.get(shotKey) ?? (few === undefined ? await lookUp(store, shotKey, signal) : []);
    return indices.filter((index) => index < variants).sort((a, b) => a - b);
  };
}

async function lookUp(
  store: ObjectStore,
  shotKey: string,
  signal: AbortSignal | undefined,
): Promise<number[]> {
  return (await originalsOf(store, shotKey, signal)).map(({ index }) => index);
}

/** undefined when there are more than a page of them. */
async function fewOriginals(
  store: ObjectStore,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, number[]> | undefined> {
  const found = new Map<string, number[]>();
  let keys = 0;
  for await (const { key } of store.list(ORIGINALS, signal === undefined ? {} : { signal })) {
    keys += 1;
    if (keys > SMALL_STORE_KEYS) return undefined;
    const match = /^([0-9a-f]{32})\/(\d{1,3})\./.exec(key.slice(ORIGINALS.length));
    if (match === null) continue;
    const [, shotKey = '', index] = match;
    found.set(shotKey, [...(found.get(shotKey) ?? []), Number(index)]);
  }
  return found;
}

import { optional } from '../base/time.ts';
import type { ObjectStore } from './object-store.ts';

/**
 * The folders directly under a prefix that ends in `/`, in the order of their names, by one short listing each: a
 * folder may hold a million keys. Rejects as `ObjectStore.list` does.
 */
export async function* foldersIn(
  store: Pick<ObjectStore, 'list'>,
  prefix: string,
  signal?: AbortSignal,
): AsyncGenerator<string> {
  let after: string | undefined;
  for (;;) {
    const folder = await firstFolder(store, prefix, after, signal);
    if (folder === undefined) return;
    yield folder;
    // `0` is the character behind `/`: everything in this folder lies before it.
    after = `${prefix}${folder}0`;
  }
}

async function firstFolder(
  store: Pick<ObjectStore, 'list'>,
  prefix: string,
  after: string | undefined,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const options = {
    ...(after === undefined ? {} : { after }),
    ...optional(signal),
  };
  for await (const { key } of store.list(prefix, options)) {
    const name = key.slice(prefix.length);
    // A file beside the folders is none of them.
    if (name.includes('/')) return name.slice(0, name.indexOf('/'));
  }
  return undefined;
}

import { objectKeys } from './keys.ts';
import type { ObjectStore } from './object-store.ts';

export interface Original {
  readonly index: number;
  readonly key: string;
  /** By the store's clock, ms since 1970. */
  readonly storedAtMs: number;
}

/** The pictures of a shot that are stored already, by the variant's number. What stands here was paid for. */
export async function originalsOf(
  store: Pick<ObjectStore, 'list'>,
  shotKey: string,
  signal?: AbortSignal,
): Promise<Original[]> {
  const folder = objectKeys.originals(shotKey);
  const found: Original[] = [];
  for await (const { key, lastModifiedMs } of store.list(folder, signal === undefined ? {} : { signal })) {
    const match = /^(\d{1,3})\.[a-z0-9]+$/.exec(key.slice(folder.length));
    if (match !== null) found.push({ index: Number(match[1]), key, storedAtMs: lastModifiedMs });
  }
  return found;
}

export async function madeOf(
  store: Pick<ObjectStore, 'list'>,
  shotKey: string,
  signal?: AbortSignal,
): Promise<ReadonlySet<number>> {
  return new Set((await originalsOf(store, shotKey, signal)).map(({ index }) => index));
}

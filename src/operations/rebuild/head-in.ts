import { type Head, head } from '../../shared/journal/objects.ts';
import type { ObjectStore } from '../../shared/store/object-store.ts';
import { contradicted, readJson } from '../../shared/store/objects.ts';

/** The head of the batch in this folder; undefined if the batch was never begun. */
export async function headIn(
  store: Pick<ObjectStore, 'get' | 'list'>,
  folder: string,
  signal: AbortSignal,
): Promise<Head | undefined> {
  const key = `${folder}head.json`;
  const found = await readJson(store, key, head, signal);
  if (found !== undefined) return found;
  // The head is written first. A store that hides it and every intent would have to lie for this to be wrong: what the
  // batch has at fal would be unknown to the new Redis, and its list, queued again, would pay for it again.
  for await (const _ of store.list(`${folder}intents/`, { signal })) throw contradicted(key, 'built upon');
  return undefined;
}

import type { Journal } from '../journal/journal.ts';
import type { Head } from '../journal/objects.ts';
import { planShots } from '../journal/plan-shots.ts';
import { encodeSegment } from '../store/keys.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { type CatalogKey, catalogKeys, catalogOf, readCatalogEntry } from './catalog.ts';
import { ShotTable } from './shot-table.ts';

export interface RetiredDeps {
  readonly store: Pick<ObjectStore, 'get' | 'list'>;
  readonly journal: Pick<Journal, 'readHead'>;
  readonly signal: AbortSignal;
}

/**
 * Which shots of a batch a later list of its catalog has retired: those that are not in the newest list that was queued
 * with `--prune`. One listing; that list's plan is read only where it is newer than the batch's own last enqueue.
 */
export async function retiredOf(
  { batch, listName, createdAt }: Head,
  { store, journal, signal }: RetiredDeps,
): Promise<(shot: string) => boolean> {
  const own = encodeSegment(batch);
  let lastOwnAt = Date.parse(createdAt);
  let pruning: CatalogKey | undefined;
  for await (const entry of catalogKeys(store, catalogOf(listName), signal)) {
    if (entry.segment === own) lastOwnAt = entry.at;
    else if (entry.prune) pruning = entry;
  }
  if (pruning === undefined || pruning.at < lastOwnAt) return () => false;
  const head = await journal.readHead((await readCatalogEntry(store, pruning.key, signal)).batch, signal);
  // Somebody emptied the store by hand: nothing can be said of that list, and so nothing is retired by it.
  if (head === undefined) return () => false;
  const table = new ShotTable(head.shots);
  for await (const shot of planShots(head, store, signal)) table.add(shot);
  return (shot) => !table.has(shot);
}

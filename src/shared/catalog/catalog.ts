import { z } from 'zod';
import { type Clock, optional } from '../base/time.ts';
import { objectKeys } from '../store/keys.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { putJsonOnce, readListedJson } from '../store/objects.ts';

/**
 * A catalog is all batches of lists of one name. Each enqueue of one of them is an entry, in the order of time, written
 * when the batch's plan is whole in the store: the newest says what the catalog is now.
 */
export interface CatalogEntry {
  readonly batch: string;
  /** ms since 1970; later than every entry before it. */
  readonly at: number;
  /** What is not in this batch's list is retired from the manifests of the batches before it. */
  readonly prune: boolean;
}

const catalogEntry = z.object({ batch: z.string(), at: z.int().min(0), prune: z.boolean() });

/** The list's name in plain letters: what its batches' ids begin with. */
export function catalogOf(listName: string): string {
  const slug = listName
    .replace(/\.gz$/i, '')
    .replace(/\.(csv|tsv|jsonl|ndjson)$/i, '')
    .normalize('NFKD')
    .toLowerCase()
    .replace(/\p{M}/gu, '')
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 40)
    .replace(/^-+|-+$/g, '');
  return slug === '' ? 'list' : slug;
}

/** What the key of an entry says, so that a listing is enough to find the one that counts. */
export interface CatalogKey {
  readonly key: string;
  readonly at: number;
  readonly prune: boolean;
  /** The batch as it stands in keys. */
  readonly segment: string;
}

/** All entries of a catalog, oldest first. */
export async function* catalogKeys(
  store: Pick<ObjectStore, 'list'>,
  catalog: string,
  signal?: AbortSignal,
): AsyncGenerator<CatalogKey> {
  const folder = objectKeys.catalog(catalog);
  for await (const { key } of store.list(folder, optional(signal))) {
    const match = /^(\d{14})-(keep|prune)-(.+)\.json$/.exec(key.slice(folder.length));
    if (match === null) continue;
    const [, at, mode, segment = ''] = match;
    yield { key, at: Number(at), prune: mode === 'prune', segment };
  }
}

export async function readCatalogEntry(
  store: Pick<ObjectStore, 'get'>,
  key: string,
  signal?: AbortSignal,
): Promise<CatalogEntry> {
  return await readListedJson(store, key, catalogEntry, signal);
}

/** undefined where no list of this name was ever queued. */
export async function newestEntry(
  store: Pick<ObjectStore, 'list' | 'get'>,
  catalog: string,
  signal?: AbortSignal,
): Promise<CatalogEntry | undefined> {
  let newest: CatalogKey | undefined;
  for await (const key of catalogKeys(store, catalog, signal)) newest = key;
  return newest === undefined ? undefined : await readCatalogEntry(store, newest.key, signal);
}

export interface EnterOptions {
  readonly batch: string;
  readonly listName: string;
  readonly prune: boolean;
}

/**
 * Says that this batch is what the catalog is now. May be repeated: nothing is written where it is the newest already
 * and its word on pruning stands.
 */
export async function enterCatalog(
  store: Pick<ObjectStore, 'list' | 'get' | 'putOnce'>,
  { batch, listName, prune }: EnterOptions,
  clock: Clock,
  signal?: AbortSignal,
): Promise<void> {
  const catalog = catalogOf(listName);
  const newest = await newestEntry(store, catalog, signal);
  if (newest?.batch === batch && (newest.prune || !prune)) return;
  // Clocks of two machines differ; the order of the entries must not.
  const entry: CatalogEntry = { batch, at: Math.max(clock(), (newest?.at ?? 0) + 1), prune };
  await putJsonOnce(store, objectKeys.catalogEntry(catalog, entry), entry, signal);
}

import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCodes } from '../shared/errors.ts';
import { assertPrefix, type ListedObject, type ListOptions } from '../shared/object-store.ts';
import { compareUtf8 } from '../shared/utf8-order.ts';
import { decodeName, type NameKind } from './folder-names.ts';

export interface ListDeps {
  /** Runs a step on the disk and translates its errors. */
  readonly translated: <T>(step: () => Promise<T>) => Promise<T>;
  /** The path of the folder that holds the keys which start with these segments. */
  readonly folderOf: (segments: readonly string[]) => string;
  /** The segment whose file name holds this hash; undefined where it is not known. */
  readonly longSegment: (hash: string) => Promise<string | undefined>;
}

interface Entry {
  /** The object's key; for a folder, what its keys start with (it ends in `/`). */
  readonly key: string;
  readonly path: string;
  readonly kind: NameKind;
}

/** Files asked about at once. */
const STATS_AT_ONCE = 64;

/**
 * Keys in ascending order of their UTF-8 bytes. One folder's names are in memory at a time (and those of the folders
 * above it), never the whole tree. Links and files that are not this store's are passed over.
 */
export async function* listFolder(
  deps: ListDeps,
  prefix: string,
  { after = '', signal }: ListOptions = {},
): AsyncIterable<ListedObject> {
  assertPrefix(prefix);
  const segments = prefix.split('/').slice(0, -1);
  const base = segments.map((segment) => `${segment}/`).join('');
  yield* walk(deps, { folder: deps.folderOf(segments), base, prefix, after, signal });
}

interface Walk {
  readonly folder: string;
  readonly base: string;
  readonly prefix: string;
  readonly after: string;
  readonly signal: AbortSignal | undefined;
}

async function* walk(deps: ListDeps, at: Walk): AsyncIterable<ListedObject> {
  at.signal?.throwIfAborted();
  const entries = await deps.translated(() => entriesOf(deps, at));
  for (let start = 0; start < entries.length; start += STATS_AT_ONCE) {
    at.signal?.throwIfAborted();
    const some = entries.slice(start, start + STATS_AT_ONCE);
    const listed = await deps.translated(() => Promise.all(some.map(statOf)));
    for (const [index, entry] of some.entries()) {
      const file = listed[index];
      if (file !== undefined) yield file;
      if (entry.kind === 'dir') yield* walk(deps, { ...at, folder: entry.path, base: entry.key });
    }
  }
}

async function entriesOf(deps: ListDeps, { folder, base, prefix, after }: Walk): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const found of await entriesIfAny(folder)) {
    const decoded = decodeName(found.name);
    if (decoded === undefined || decoded.kind !== found.kind) continue;
    const segment = 'segment' in decoded ? decoded.segment : await deps.longSegment(decoded.longHash);
    if (segment === undefined) continue;
    const key = `${base}${segment}${found.kind === 'dir' ? '/' : ''}`;
    if (!key.startsWith(prefix)) continue;
    const inside = found.kind === 'dir' && after.startsWith(key);
    if (!inside && compareUtf8(key, after) <= 0) continue;
    entries.push({ key, path: join(folder, found.name), kind: found.kind });
  }
  return entries.sort((a, b) => compareUtf8(a.key, b.key));
}

async function entriesIfAny(folder: string): Promise<{ name: string; kind: NameKind }[]> {
  try {
    const found = await readdir(folder, { withFileTypes: true });
    return found.flatMap((entry): { name: string; kind: NameKind }[] => {
      if (entry.isFile()) return [{ name: entry.name, kind: 'file' }];
      return entry.isDirectory() ? [{ name: entry.name, kind: 'dir' }] : [];
    });
  } catch (error) {
    if (errorCodes(error).includes('ENOENT')) return [];
    throw error;
  }
}

/** undefined for a folder, and for a file that a person removed while its folder was being listed. */
async function statOf({ key, path, kind }: Entry): Promise<ListedObject | undefined> {
  if (kind === 'dir') return undefined;
  try {
    const { size, mtimeMs } = await lstat(path);
    return { key, sizeBytes: size, lastModifiedMs: Math.floor(mtimeMs) };
  } catch (error) {
    if (errorCodes(error).includes('ENOENT')) return undefined;
    throw error;
  }
}

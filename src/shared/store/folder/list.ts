import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCodes, MalformedError } from '../../base/errors.ts';
import { compareUtf8 } from '../../base/utf8-order.ts';
import { assertPrefix, type ListedObject, type ListOptions } from '../object-store.ts';
import { linkFault } from './links.ts';
import { decodeName, type NameKind } from './names.ts';

export interface ListDeps {
  /** Runs a step on the disk and translates its errors. */
  readonly translated: <T>(step: () => Promise<T>) => Promise<T>;
  /** Rejects if the store itself is gone. */
  readonly assertThere: () => Promise<void>;
  /** Rejects if the path leads through a symbolic link below the store's root. */
  readonly refuseLinks: (path: string) => Promise<void>;
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
 * above it), never the whole tree. Names that are not this store's are passed over; a link with a name of
 * ours is a fault, since what lies behind it would be missing. Only the folder of the
 * prefix itself may be missing: nothing was ever written under it then. What its parent showed a moment ago and is gone,
 * or cannot be read, is a fault: a disk that went away looks the same, and would pass for a store that holds less.
 */
export async function* listFolder(
  deps: ListDeps,
  prefix: string,
  { after = '', signal }: ListOptions = {},
): AsyncIterable<ListedObject> {
  assertPrefix(prefix);
  const segments = prefix.split('/').slice(0, -1);
  const base = segments.map((segment) => `${segment}/`).join('');
  const folder = deps.folderOf(segments);
  await deps.translated(() => deps.refuseLinks(folder));
  if (await deps.translated(() => isMissing(folder))) {
    await deps.translated(deps.assertThere);
    return;
  }
  yield* walk(deps, { folder, base, prefix, after, signal });
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
  for (const found of await namesIn(folder)) {
    const decoded = decodeName(found.name);
    if (decoded === undefined || (found.kind !== 'link' && decoded.kind !== found.kind)) continue;
    const segment = 'segment' in decoded ? decoded.segment : await deps.longSegment(decoded.longHash);
    // It is written before the first object under that name.
    if (segment === undefined)
      throw new MalformedError(`The text of the name ${found.name} is missing in .store/names; restore it.`);
    const { kind } = decoded;
    const key = `${base}${segment}${kind === 'dir' ? '/' : ''}`;
    if (!key.startsWith(prefix)) continue;
    const inside = kind === 'dir' && after.startsWith(key);
    if (!inside && compareUtf8(key, after) <= 0) continue;
    const path = join(folder, found.name);
    if (found.kind === 'link') throw linkFault(path);
    entries.push({ key, path, kind });
  }
  return entries.sort((a, b) => compareUtf8(a.key, b.key));
}

async function isMissing(folder: string): Promise<boolean> {
  try {
    await lstat(folder);
    return false;
  } catch (error) {
    if (errorCodes(error).includes('ENOENT')) return true;
    throw error;
  }
}

interface Found {
  readonly name: string;
  readonly kind: NameKind | 'link';
}

async function namesIn(folder: string): Promise<Found[]> {
  const found = await readdir(folder, { withFileTypes: true });
  return found.flatMap((entry): Found[] => {
    if (entry.isFile()) return [{ name: entry.name, kind: 'file' }];
    if (entry.isSymbolicLink()) return [{ name: entry.name, kind: 'link' }];
    return entry.isDirectory() ? [{ name: entry.name, kind: 'dir' }] : [];
  });
}

/** undefined for a folder. */
async function statOf({ key, path, kind }: Entry): Promise<ListedObject | undefined> {
  if (kind === 'dir') return undefined;
  const { size, mtimeMs } = await lstat(path);
  return { key, sizeBytes: size, lastModifiedMs: Math.floor(mtimeMs) };
}

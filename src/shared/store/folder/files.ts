import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, link, lstat, mkdir, open, readdir, readFile, rename, rm, unlink } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { errorCodes, UnavailableError, UserError } from '../../base/errors.ts';
import { PRIVATE } from '../../base/private-folder.ts';
import { refuseLinks } from './links.ts';

/** Writes of whole files that are seen complete or not at all, and are still there after a power cut. */
export interface FolderFiles {
  /** Writes only where no file is: exactly one of any number of racing writers gets `created`. */
  create(path: string, body: Uint8Array, signal?: AbortSignal): Promise<'created' | 'exists'>;
  /** Writes, in the place of a file that may be there. */
  replace(path: string, body: Uint8Array, signal?: AbortSignal): Promise<void>;
  /** `replace` by a copy of another file. */
  replaceByFile(path: string, file: string, signal?: AbortSignal): Promise<void>;
  /** undefined if there is no such file. */
  readText(path: string): Promise<string | undefined>;
}

const STALE_MS = 3_600_000;

/** `temporary` must be a folder on the same disk as everything under `root`. */
export function folderFiles({ root, temporary }: { root: string; temporary: string }): FolderFiles {
  const syncFolder = sharedFolderSync();

  async function withTemporary<T>(
    fill: (path: string) => Promise<void>,
    signal: AbortSignal | undefined,
    use: (path: string) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted();
    const path = join(temporary, `${process.pid}-${randomUUID()}`);
    try {
      await fill(path);
      // Last way out: from here on the object is becoming visible, and an abort would leave its outcome unknown.
      signal?.throwIfAborted();
      return await use(path);
    } finally {
      await rm(path, { force: true });
    }
  }

  async function place(path: string, move: () => Promise<void>): Promise<void> {
    const folder = dirname(path);
    await refuseLinks(root, path);
    try {
      await move();
    } catch (error) {
      if (!errorCodes(error).includes('ENOENT')) throw error;
      const first = await mkdir(folder, { recursive: true, mode: PRIVATE.folder });
      if (first !== undefined) await syncChain(dirname(first), folder);
      await move();
    }
    await syncFolder(folder);
  }

  /** A new folder lasts once the folder that names it is on disk, so each of the chain is synced. */
  async function syncChain(from: string, to: string): Promise<void> {
    let at = from;
    await syncFolder(at);
    for (const name of relative(from, to).split(sep).slice(0, -1)) {
      at = join(at, name);
      await syncFolder(at);
    }
  }

  return {
    create: (path, body, signal) =>
      translated(root, () =>
        withTemporary(
          (temporaryPath) => writeDurably(temporaryPath, body),
          signal,
          async (temporaryPath) => {
            try {
              await place(path, () => link(temporaryPath, path));
              return 'created';
            } catch (error) {
              if (!errorCodes(error).includes('EEXIST')) throw error;
              // The winner may not have synced yet; who hears `exists` may rely on it as well.
              await syncFolder(dirname(path));
              return 'exists';
            }
          },
        ),
      ),
    replace: (path, body, signal) =>
      translated(root, () =>
        withTemporary(
          (temporaryPath) => writeDurably(temporaryPath, body),
          signal,
          (temporaryPath) => place(path, () => rename(temporaryPath, path)),
        ),
      ),
    replaceByFile: (path, source, signal) =>
      translated(root, () =>
        withTemporary(
          (temporaryPath) => copyDurably(temporaryPath, source),
          signal,
          (temporaryPath) => place(path, () => rename(temporaryPath, path)),
        ),
      ),
    readText: (path) =>
      translated(root, async () => {
        await refuseLinks(root, path);
        return await readTextIfAny(path);
      }),
  };
}

/** Removes what writers that crashed an hour ago or more left behind. */
export async function removeStaleFiles(folder: string, nowMs: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    try {
      if (nowMs - (await lstat(path)).mtimeMs > STALE_MS) await unlink(path);
    } catch (error) {
      // Another process cleans up at the same time.
      if (!errorCodes(error).includes('ENOENT')) throw error;
    }
  }
}

/** Runs a step on the disk; its errors become the house's, the signal's reason passes as it is. */
export async function translated<T>(root: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    throw toStoreError(root, error);
  }
}

function toStoreError(root: string, error: unknown): unknown {
  // What was translated already has the disk's error as its cause.
  if (error instanceof UserError || error instanceof UnavailableError) return error;
  const code = errorCodes(error).find((text) => /^E[A-Z0-9]+$/.test(text));
  // Aborts, range errors, malformed files.
  if (code === undefined) return error;
  const sentence = SENTENCES[code];
  if (sentence !== undefined) return new UserError(sentence.code, sentence.say(root, code), { cause: error });
  return new UnavailableError('s3', `The folder ${root} could not be read or written (${code}).`, {
    cause: error,
  });
}

interface Sentence {
  readonly code: string;
  readonly say: (root: string, code: string) => string;
}

const full: Sentence = {
  code: 'store_full',
  say: (root, code) => `The disk of ${root} is full (${code}): make room there, then start again.`,
};
const denied: Sentence = {
  code: 'store_denied',
  say: (root, code) =>
    `The folder ${root} may not be written (${code}): give this user the right to, or choose another folder.`,
};
const noLinks: Sentence = {
  code: 'store_unfit',
  say: (root, code) =>
    `The disk of ${root} has no hard links (${code}), which the store needs to write a file exactly once: choose a folder on a local disk.`,
};
const SENTENCES: Readonly<Record<string, Sentence>> = {
  ENOSPC: full,
  EDQUOT: full,
  EACCES: denied,
  EROFS: denied,
  // link() answers EPERM on disks such as exFAT.
  EPERM: noLinks,
  ENOTSUP: noLinks,
  EOPNOTSUPP: noLinks,
  ENOSYS: noLinks,
};

async function readTextIfAny(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errorCodes(error).includes('ENOENT')) return undefined;
    throw error;
  }
}

async function writeDurably(path: string, body: Uint8Array): Promise<void> {
  const file = await open(path, 'wx', PRIVATE.file);
  try {
    await file.writeFile(body);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function copyDurably(path: string, source: string): Promise<void> {
  // By reference where the disk can.
  await copyFile(source, path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  const file = await open(path, 'r+');
  try {
    // The copy has the rights of its source.
    await file.chmod(PRIVATE.file);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * fsync of a folder, shared: a call that comes while one runs waits for the next, which then covers everyone who
 * waits. 16 writers into one folder cost two or three syncs, not sixteen.
 */
function sharedFolderSync(): (folder: string) => Promise<void> {
  const running = new Map<string, Promise<void>>();
  const waiting = new Map<string, Promise<void>>();

  function start(folder: string): Promise<void> {
    const sync = syncOnce(folder).finally(() => running.delete(folder));
    running.set(folder, sync);
    return sync;
  }

  return (folder) => {
    const before = running.get(folder);
    if (before === undefined) return start(folder);
    const next =
      waiting.get(folder) ??
      before
        // Whoever asked for that sync hears of its failure; this one tries for itself.
        .catch(() => undefined)
        .then(() => {
          waiting.delete(folder);
          return start(folder);
        });
    waiting.set(folder, next);
    return next;
  };
}

async function syncOnce(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } catch (error) {
    // Some network disks cannot sync a folder; they do it on their own.
    if (!errorCodes(error).some((code) => code === 'EINVAL' || code === 'ENOTSUP')) throw error;
  } finally {
    await handle.close();
  }
}

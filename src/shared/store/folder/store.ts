import { constants } from 'node:fs';
import { access, readFile, stat } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { ANSWER_BYTES, TooLargeObjectError } from '../../base/answer-size.ts';
import { errorCodes, UserError } from '../../base/errors.ts';
import { privateFolder } from '../../base/private-folder.ts';
import { optional } from '../../base/time.ts';
import { assertKey, assertMetadata, type ObjectStore, type PutOptions } from '../object-store.ts';
import { folderFiles, removeStaleFiles, translated } from './files.ts';
import { refuseLinks } from './links.ts';
import { listFolder } from './list.ts';
import { fileNameOf, longHashOf, type NameKind } from './names.ts';
import { sha256Of, sha256OfFile, sidecars } from './sidecars.ts';

export interface FolderStoreOptions {
  readonly folder: string;
  /** Where the folder is served, if it is: `urlOf` then answers addresses under it instead of paths. */
  readonly publicUrl?: string;
}

/**
 * The object store of the embedded stack: a folder of plain files that a person can open, with S3's promises
 * (create-once, whole objects only, order). Any number of processes may use one folder.
 *
 *     <folder>/originals/<x>/0.png    the object `originals/<x>/0.png`; see folder-names.ts
 *     <folder>/.store/meta/           types and metadata that the name does not say; see folder-sidecars.ts
 *     <folder>/.store/names/          texts of segments too long for a disk
 *     <folder>/.store/tmp/            files being written
 *
 * Creates the folder, for this user alone, and follows no symbolic link in it. `cacheControl` is not kept: nobody reads a folder over HTTP by our headers.
 */
export async function openFolderStore({ folder, publicUrl }: FolderStoreOptions): Promise<ObjectStore> {
  const root = resolve(folder);
  // A key's file name never starts with a dot, so no key meets this.
  const own = join(root, '.store');
  const temporary = join(own, 'tmp');
  const names = join(own, 'names');
  await translated(root, async () => {
    await privateFolder(root);
    for (const path of [own, temporary, names]) {
      await refuseLinks(root, path);
      await privateFolder(path);
    }
    await removeStaleFiles(temporary, Date.now());
  });
  const files = folderFiles({ root, temporary });
  const descriptions = sidecars({ folder: join(own, 'meta'), files });

  function folderOf(segments: readonly string[]): string {
    return join(root, ...segments.map((segment) => fileNameOf(segment, 'dir')));
  }

  function pathOf(key: string): string {
    assertKey(key);
    const segments = key.split('/');
    const path = join(folderOf(segments.slice(0, -1)), fileNameOf(segments.at(-1) ?? '', 'file'));
    // Neither can happen by the rules of keys and names; a store that writes elsewhere is worth a second look.
    if (!path.startsWith(root + sep))
      throw new RangeError(`the key ${JSON.stringify(key)} leaves the folder`);
    return path;
  }

  async function keepLongNames(key: string): Promise<void> {
    const segments = key.split('/');
    for (const [index, segment] of segments.entries()) {
      const kind: NameKind = index === segments.length - 1 ? 'file' : 'dir';
      const hash = longHashOf(segment, kind);
      if (hash !== undefined) await files.create(join(names, `${hash}.txt`), Buffer.from(segment));
    }
  }

  /** So that a folder that went away never passes for one in which nothing is stored. */
  async function assertThere(): Promise<void> {
    try {
      await stat(own);
    } catch (error) {
      if (!errorCodes(error).some((code) => code === 'ENOENT' || code === 'ENOTDIR')) throw error;
      throw new UserError(
        'store_missing',
        `The folder ${root} is not there, or holds no store: mend the path, or start again to create it.`,
        { cause: error },
      );
    }
  }

  async function write<T>(
    key: string,
    sha256: () => Promise<string>,
    { contentType, metadata = {}, signal }: PutOptions,
    commit: (path: string) => Promise<T>,
    isOurs: (outcome: T) => boolean,
  ): Promise<T> {
    const path = pathOf(key);
    assertMetadata(metadata);
    signal?.throwIfAborted();
    return await translated(root, async () => {
      await assertThere();
      await keepLongNames(key);
      const hash = await sha256();
      await descriptions.prepare(key, hash, { contentType, metadata });
      const outcome = await commit(path);
      if (isOurs(outcome)) await descriptions.settle(key, hash, { contentType, metadata });
      return outcome;
    });
  }

  return {
    location: root,

    async put(key, body, options) {
      await write(
        key,
        async () => sha256Of(body),
        options,
        (path) => files.replace(path, body, options.signal),
        () => true,
      );
    },

    async putFile(key, file, options) {
      await write(
        key,
        () => sha256OfFile(file),
        options,
        (path) => files.replaceByFile(path, file, options.signal),
        () => true,
      );
    },

    async putOnce(key, body, options) {
      return await write(
        key,
        async () => sha256Of(body),
        options,
        (path) => files.create(path, body, options.signal),
        (outcome) => outcome === 'created',
      );
    },

    async get(key, signal) {
      const path = pathOf(key);
      signal?.throwIfAborted();
      return await translated(root, async () => {
        await refuseLinks(root, path);
        const body = await readFileIfAny(path, key, signal);
        if (body !== undefined) return { body, ...(await descriptions.read(key, body)) };
        await assertThere();
        return undefined;
      });
    },

    async *list(prefix, options) {
      options?.signal?.throwIfAborted();
      await translated(root, assertThere);
      yield* listFolder(
        {
          translated: (step) => translated(root, step),
          assertThere,
          refuseLinks: (path) => refuseLinks(root, path),
          folderOf,
          longSegment: (hash) => files.readText(join(names, `${hash}.txt`)),
        },
        prefix,
        options,
      );
    },

    urlOf(key) {
      const path = pathOf(key);
      if (publicUrl === undefined) return path;
      const steps = path.slice(root.length + 1).split(sep);
      return `${publicUrl}/${steps.map(encodeURIComponent).join('/')}`;
    },

    async presign() {
      throw new UserError(
        'no_presign',
        'A folder has no addresses that expire: leave --presign out, or set S3_BUCKET to keep the pictures in a bucket.',
      );
    },

    async check(signal) {
      signal?.throwIfAborted();
      await translated(root, async () => {
        await assertThere();
        await access(root, constants.R_OK | constants.W_OK | constants.X_OK);
        await access(temporary, constants.W_OK | constants.X_OK);
      });
    },

    async [Symbol.asyncDispose]() {
      // Nothing is kept open between calls.
    },
  };
}

async function readFileIfAny(
  path: string,
  key: string,
  signal: AbortSignal | undefined,
): Promise<Buffer | undefined> {
  try {
    // Files here are replaced and never written on, so what is read is of this size.
    if ((await stat(path)).size > ANSWER_BYTES.object) throw new TooLargeObjectError(key);
    return await readFile(path, optional(signal));
  } catch (error) {
    signal?.throwIfAborted();
    // Only this is "never written" (`get` sees to it that the store is there). A file in the place of a folder, or what
    // cannot be read, is a fault.
    if (errorCodes(error).includes('ENOENT')) return undefined;
    throw error;
  }
}

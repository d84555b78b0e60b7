import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { extname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { MalformedError } from '../../base/errors.ts';
import type { FolderFiles } from './files.ts';

/** What S3 keeps in headers. */
export interface Description {
  readonly contentType: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * The descriptions of objects, apart from what a person looks at. A description is named by its object's key **and**
 * bytes, and is on disk before the bytes become visible: whatever moment a crash picks, a visible object has its own
 * description, and a left-over one names bytes that are not there and harms nothing. An object whose type is what its
 * ending says, without metadata, has no file here.
 *
 * The one thing not exact: of writers that race on one key with the *same bytes* and different descriptions, a reader
 * may for a moment see the loser's.
 */
export interface Sidecars {
  /** Before the bytes become visible. Leaves one that is there already: it may describe a visible object. */
  prepare(key: string, sha256: string, description: Description): Promise<void>;
  /** After they did: makes sure that the description is this writer's. */
  settle(key: string, sha256: string, description: Description): Promise<void>;
  read(key: string, body: Uint8Array): Promise<Description>;
}

const TYPES: Readonly<Record<string, string>> = {
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.webp': 'image/webp',
  '.avif': 'image/avif',
  '.json': 'application/json',
  '.jsonl': 'application/x-ndjson',
  '.gz': 'application/gzip',
  '.csv': 'text/csv',
  '.txt': 'text/plain',
};

const fileSchema = z.object({
  key: z.string(),
  sha256: z.string(),
  contentType: z.string(),
  metadata: z.record(z.string(), z.string()),
});

export function sidecars({ folder, files }: { folder: string; files: FolderFiles }): Sidecars {
  /** Not the key itself: it may be too long for a name together with the hash of the bytes. */
  function pathOf(key: string, sha256: string): string {
    const name = sha256Of(`${key}\n${sha256}`).slice(0, 40);
    return join(folder, name.slice(0, 2), `${name}.json`);
  }

  async function stored(key: string, sha256: string): Promise<Description | undefined> {
    const path = pathOf(key, sha256);
    const text = await files.readText(path);
    if (text === undefined) return undefined;
    const parsed = fileSchema.safeParse(jsonOf(text));
    if (!parsed.success || parsed.data.key !== key) {
      throw new MalformedError(`${path} does not describe the object ${key}: remove it or restore it.`);
    }
    return { contentType: parsed.data.contentType, metadata: parsed.data.metadata };
  }

  function textOf(key: string, sha256: string, { contentType, metadata }: Description): Buffer {
    return Buffer.from(`${JSON.stringify({ key, sha256, contentType, metadata }, undefined, 2)}\n`);
  }

  return {
    async prepare(key, sha256, description) {
      if (same(description, impliedBy(key))) return;
      await files.create(pathOf(key, sha256), textOf(key, sha256, description));
    },
    async settle(key, sha256, description) {
      const there = (await stored(key, sha256)) ?? impliedBy(key);
      if (!same(there, description))
        await files.replace(pathOf(key, sha256), textOf(key, sha256, description));
    },
    async read(key, body) {
      return (await stored(key, sha256Of(body))) ?? impliedBy(key);
    },
  };
}

function impliedBy(key: string): Description {
  return { contentType: TYPES[extname(key)] ?? 'application/octet-stream', metadata: {} };
}

function same(a: Description, b: Description): boolean {
  const list = ({ contentType, metadata }: Description) =>
    JSON.stringify([contentType, Object.entries(metadata).sort(([x], [y]) => (x < y ? -1 : 1))]);
  return list(a) === list(b);
}

export function sha256Of(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON: the schema refuses it with the sentence that names the file.
    return undefined;
  }
}

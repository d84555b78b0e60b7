import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Head } from '../../shared/journal/objects.ts';
import { type BatchManifestDeps, batchManifest } from '../../shared/manifest/batch-manifest.ts';
import { csvOfLines, ManifestColumns, seenLines } from '../../shared/manifest/manifest-csv.ts';
import { objectKeys } from '../../shared/store/keys.ts';

/** Overwritten when a batch that was tried again ends again. */
const CACHE = 'no-cache';

/**
 * Leaves a batch's manifest in the store, as `export` prints it, in both formats. The lines wait in files on the disk:
 * a batch of any size is written in flat memory, and read from the store once. Safe to repeat.
 */
export async function writeBucketManifest(head: Head, deps: BatchManifestDeps): Promise<void> {
  const { store, signal } = deps;
  const folder = await mkdtemp(join(tmpdir(), 'shotlist-manifest-'));
  try {
    const jsonl = join(folder, 'manifest.jsonl');
    const csv = join(folder, 'manifest.csv');
    const columns = new ManifestColumns();
    const write = async (file: string, lines: AsyncIterable<string>) => {
      await pipeline(Readable.from(withBreaks(lines)), createWriteStream(file), { signal });
    };
    await write(jsonl, seenLines(await batchManifest(head, deps), columns));
    await write(
      csv,
      csvOfLines(jsonl, columns, (key) => store.urlOf(key)),
    );
    const options = { cacheControl: CACHE, signal };
    await store.putFile(objectKeys.manifest(head.batch, 'jsonl'), jsonl, {
      ...options,
      contentType: 'application/x-ndjson',
    });
    await store.putFile(objectKeys.manifest(head.batch, 'csv'), csv, { ...options, contentType: 'text/csv' });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function* withBreaks(lines: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) yield `${line}\n`;
}

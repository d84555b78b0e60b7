import { Journal } from '../../src/shared/journal/journal.ts';
import type { Head, LedgerEntry } from '../../src/shared/journal/objects.ts';
import { PLAN_CHUNK_ROWS } from '../../src/shared/journal/plan-chunks.ts';
import { encodePlanChunk, type PlanRow } from '../../src/shared/journal/plan-row.ts';
import type { DeliveredImage } from '../../src/shared/pictures/formats.ts';
import { openFolderStore } from '../../src/shared/store/folder/store.ts';
import type { ObjectStore } from '../../src/shared/store/object-store.ts';

/** A store on disk as a batch leaves it behind, written through the journal alone. */
export interface FilledStore extends AsyncDisposable {
  readonly store: ObjectStore;
  readonly journal: Journal;
}

export async function filledStore(folder: string): Promise<FilledStore> {
  const store = await openFolderStore({ folder });
  return {
    store,
    journal: new Journal({ store }),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

export function aHead(batch: string, more: Partial<Head> = {}): Head {
  return {
    batch,
    digest: 'd'.repeat(64),
    listName: 'list.csv',
    createdAt: new Date().toISOString(),
    simulated: false,
    chunks: 1,
    priority: 100,
    shots: 1,
    images: 1,
    reusedImages: 0,
    requests: 1,
    minMicroUsd: 20_000,
    maxMicroUsd: 20_000,
    naiveMicroUsd: 20_000,
    cheapestMicroUsd: 20_000,
    endpoints: ['fal-ai/gpt-image-1-mini'],
    ...more,
  };
}

/** A row of one image a request. */
export function aRow(row: number, shot: string, parts = 1, columns: Record<string, string> = {}): PlanRow {
  return {
    row,
    shot,
    shotKey: row.toString(16).padStart(32, '0'),
    model: 'made/up',
    prompt: `a picture of ${shot}`,
    input: { quality: 'medium', image_size: '1024x1024' },
    recipe: 'catalog',
    variants: parts,
    columns: { id: shot, ...columns },
    requests: Array.from({ length: parts }, (_, part) => ({
      part,
      indices: [part],
      kind: 'pay',
      maxMicroUsd: 20_000,
      minMicroUsd: 20_000,
    })),
  };
}

/** Writes the head and the plan of a batch; resolves to the head. */
export async function writePlan(
  journal: Journal,
  batch: string,
  rows: readonly PlanRow[],
  more: Partial<Head> = {},
): Promise<Head> {
  const chunks = Math.ceil(rows.length / PLAN_CHUNK_ROWS);
  const head = aHead(batch, { chunks, shots: rows.length, requests: rows.length, ...more });
  await journal.writeHead(head);
  for (let chunk = 0; chunk < chunks; chunk += 1) {
    const of = rows.slice(chunk * PLAN_CHUNK_ROWS, (chunk + 1) * PLAN_CHUNK_ROWS);
    await journal.writeChunk(batch, chunk, await encodePlanChunk(of));
  }
  return head;
}

export function anImage(index: number, shot = 'shot'): DeliveredImage {
  const picture = { width: 8, height: 8, bytes: 100, sha256: 'a'.repeat(64) };
  return {
    index,
    requestId: `fal-${shot}-${index}`,
    original: { key: `originals/${shot}/${index}.png`, format: 'png', ...picture },
    renditions: [{ name: 'thumb', key: `b/${shot}/${index}-thumb.jpg`, format: 'jpeg', ...picture }],
  };
}

export function anEntry(more: Partial<LedgerEntry> & { requestId: string }): LedgerEntry {
  return {
    batch: 'spring',
    row: 0,
    part: 0,
    ts: '2026-11-20T10:00:00.000Z',
    shot: 'tee',
    model: 'made/up',
    quality: 'medium',
    imageSize: '1024x1024',
    numImages: 1,
    costMicroUsd: 20_000,
    source: 'price-rule',
    ...more,
  };
}

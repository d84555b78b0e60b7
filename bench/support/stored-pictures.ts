import { join } from 'node:path';
import { openFolderStore } from '../../src/local/folder-store.ts';
import { readList } from '../../src/producer/list.ts';
import { planList } from '../../src/producer/plan.ts';
import { objectKeys } from '../../src/shared/keys.ts';
import { defaultRegistry } from '../../src/shared/models/registry.ts';
import { originalsOf } from '../../src/shared/originals.ts';
import { readPlanChunk } from '../../src/shared/plan-row.ts';
import { systemClock } from '../../src/shared/time.ts';
import { xmpOf } from '../../src/worker/render/provenance.ts';

/**
 * Puts the pictures where the list's originals belong: so nothing is asked of fal, and all that is left is to render.
 * A list that is longer than the pictures has them over again. Resolves to the label (XMP) of each picture's renditions.
 */
export async function storeAsMade(folder: string, pictures: readonly Buffer[]): Promise<string[]> {
  const labels: string[] = [];
  const registry = defaultRegistry();
  await using plan = await planList({
    rows: readList({ kind: 'file', path: join(folder, 'catalog.csv') }, {}),
    listName: 'catalog.csv',
    options: { inputs: {} },
    registry,
    defaultModel: defaultRegistry().get('gpt-image-1-mini'),
    recipes: new Set(['catalog']),
    made: async () => [],
    hashOf: async () => '',
    spoolFolder: folder,
    clock: systemClock,
  });
  await using store = await openFolderStore({ folder: storeFolder(folder) });
  for (let chunk = 0; chunk < plan.chunkCount; chunk += 1) {
    for (const { row, shotKey, model } of readPlanChunk(await plan.chunk(chunk))) {
      const picture = pictures[row % pictures.length];
      if (picture === undefined) throw new Error(`no picture for row ${row}`);
      await store.putOnce(objectKeys.original(shotKey, 0, 'png'), picture, { contentType: 'image/png' });
      const [original] = await originalsOf(store, shotKey);
      labels[row] = xmpOf({ model, madeAtMs: original?.storedAtMs ?? 0 });
    }
  }
  return labels;
}

/** Where the program keeps what it stores, when it is told of no bucket. */
export function storeFolder(folder: string): string {
  return join(folder, '.shotlist', 'store');
}

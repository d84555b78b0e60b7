import { join } from 'node:path';
import { readList } from '../../src/producer/list/list.ts';
import { planList } from '../../src/producer/plan/plan.ts';
import { systemClock } from '../../src/shared/base/time.ts';
import { readPlanChunk } from '../../src/shared/journal/plan-row.ts';
import { defaultRegistry } from '../../src/shared/models/registry.ts';
import { openFolderStore } from '../../src/shared/store/folder/store.ts';
import { objectKeys } from '../../src/shared/store/keys.ts';
import { originalsOf } from '../../src/shared/takes/originals.ts';
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

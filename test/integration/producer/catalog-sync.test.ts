import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { enqueueCommand } from '../../../src/cli/commands/enqueue.ts';
import { exportCommand } from '../../../src/cli/commands/export.ts';
import { EXIT } from '../../../src/cli/context.ts';
import type { ListArguments } from '../../../src/cli/options/list.ts';
import { newestEntry } from '../../../src/shared/catalog/catalog.ts';
import { ORIGINALS, objectKeys } from '../../../src/shared/store/keys.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { openWorkshop } from '../../support/workshop.ts';
import { workshopCli } from '../../support/workshop-cli.ts';

const planned = z.looseObject({
  batch: z.string(),
  requests: z.int(),
  estimate: z.object({ maxUsd: z.number() }),
  sync: z
    .object({
      with: z.string(),
      new: z.int(),
      changed: z.int(),
      unchanged: z.int(),
      gone: z.int(),
      goneIds: z.array(z.string()),
    })
    .optional(),
});
const manifest = z.array(
  z.looseObject({ shot: z.string(), status: z.string(), images: z.array(z.unknown()) }),
);

const V1 = 'id,prompt,variants\ntee,a tee,1\nmug,a mug,1\ncap,a cap,1\nhat,a hat,1\n';
// Another order, a changed prompt, more variants, one gone, one new.
const V2 = 'id,prompt,variants\ncap,a red cap,1\nmug,a mug,3\ntee,a tee,1\nbag,a bag,1\n';

async function openCatalog() {
  const workshop = await openWorkshop();
  const cli = await workshopCli(workshop);
  const folder = await tempFolder();
  const path = join(folder.path, 'Spring Catalog.csv');
  const enqueue = async (list: string, more: Partial<ListArguments> = {}) => {
    await writeFile(path, list);
    const ran = await cli.run((context) =>
      enqueueCommand(context, path, { priority: 1_000, json: true, recipe: 'original', ...more }),
    );
    expect(ran.result).toBe(EXIT.ok);
    return { ...planned.parse(JSON.parse(ran.out)), said: ran.err };
  };
  const exported = async (batch: string) => {
    const { out } = await cli.run((context) =>
      exportCommand(context, batch, { format: 'jsonl', json: true }),
    );
    return manifest.parse(JSON.parse(out)).map(({ shot, status, images }) => [shot, status, images.length]);
  };
  return {
    ...workshop,
    path,
    cli,
    enqueue,
    exported,
    dryRun: (list: string, more: Partial<ListArguments> = {}) => enqueue(list, { dryRun: true, ...more }),
    [Symbol.asyncDispose]: async () => {
      await cli[Symbol.asyncDispose]();
      await workshop[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

describe('the same catalog again', () => {
  it('pays for new and changed rows and missing variants alone, and says what is gone', async () => {
    await using at = await openCatalog();
    await using _worker = await at.startWorker();
    const first = await at.enqueue(V1);
    expect(first).toMatchObject({ requests: 4, estimate: { maxUsd: 0.08 } });
    expect(first.sync).toBeUndefined();
    await at.untilEnded(first.batch);
    expect((await at.dryRun(V1)).sync).toEqual({
      with: first.batch,
      new: 0,
      changed: 0,
      unchanged: 4,
      gone: 0,
      goneIds: [],
    });

    const dry = await at.dryRun(V2);
    expect(dry.sync).toEqual({
      with: first.batch,
      new: 1,
      changed: 2,
      unchanged: 1,
      gone: 1,
      goneIds: ['hat'],
    });
    // A cap, a bag, and the two pictures of the mug that are missing, in one request.
    expect(dry).toMatchObject({ requests: 3, estimate: { maxUsd: 0.07 } });

    const second = await at.enqueue(V2);
    expect(second).toEqual({
      ...dry,
      said: expect.stringContaining('1 new, 2 changed, 1 unchanged, 1 gone (hat)'),
    });
    await at.untilEnded(second.batch);
    expect(at.fal.book.entries()).toHaveLength(7);
    // A third list is compared with the second, and a repeat with itself.
    expect((await at.dryRun(V1)).sync).toMatchObject({ with: second.batch, gone: 1, goneIds: ['bag'] });
    expect((await at.enqueue(V2)).sync).toMatchObject({ with: second.batch, unchanged: 4, gone: 0 });
    expect(at.fal.book.entries()).toHaveLength(7);
  });

  it('retires what is gone with --prune from earlier exports, deletes nothing, and can bring it back', async () => {
    await using at = await openCatalog();
    await using _worker = await at.startWorker();
    const first = await at.enqueue(V1);
    await at.untilEnded(first.batch);
    const second = await at.enqueue(V2);
    await at.untilEnded(second.batch);
    expect((await at.exported(first.batch)).at(-1)).toEqual(['hat', 'delivered', 1]);

    const originals = async () => {
      const keys: string[] = [];
      for await (const { key } of at.shop.store.list(ORIGINALS)) keys.push(key);
      return keys;
    };
    const before = await originals();
    // The same list is the same batch, also where it only adds its word on pruning.
    expect((await at.enqueue(V2, { prune: true })).batch).toBe(second.batch);
    expect(await at.exported(first.batch)).toEqual([
      ['tee', 'delivered', 1],
      ['mug', 'delivered', 1],
      ['cap', 'delivered', 1],
      ['hat', 'retired', 0],
    ]);
    expect(await at.exported(second.batch)).not.toContainEqual(expect.arrayContaining(['retired']));
    expect(await originals()).toEqual(before);

    expect((await at.enqueue(V1)).batch).toBe(first.batch);
    expect((await at.exported(first.batch)).at(-1)).toEqual(['hat', 'delivered', 1]);
    expect(at.fal.book.entries()).toHaveLength(7);
  });

  it('is entered once, however often it is queued, and not at all by a dry run', async () => {
    await using at = await openCatalog();
    const { store } = at.shop;
    await at.dryRun(V1);
    expect(await newestEntry(store, 'spring-catalog')).toBeUndefined();
    const { batch } = await at.enqueue(V1);
    await at.enqueue(V1);
    const keys: string[] = [];
    for await (const { key } of store.list(objectKeys.catalog('spring-catalog'))) keys.push(key);
    expect(keys).toEqual([expect.stringContaining(`-keep-${batch}.json`)]);
    expect(await newestEntry(store, 'spring-catalog')).toMatchObject({ batch, prune: false });
  });

  it('warns, and goes on, where the earlier plan is no longer whole', async () => {
    await using at = await openCatalog();
    const { batch } = await at.enqueue(V1);
    await at.shop.store.put(objectKeys.planChunk(batch, 0), Buffer.from('torn'), {
      contentType: 'application/gzip',
    });
    const dry = await at.dryRun(V2);
    expect(dry.sync).toBeUndefined();
    expect(dry.said).toContain('not compared');
  });

  it('is no catalog where it is a single prompt', async () => {
    await using at = await openCatalog();
    const ran = at.cli.run((context) =>
      enqueueCommand(context, undefined, { priority: 1_000, prompt: 'a mug', prune: true, dryRun: true }),
    );
    await expect(ran).rejects.toThrow('--prune compares a list');
  });
});

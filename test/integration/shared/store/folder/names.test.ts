import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, jest } from '@jest/globals';
import { dryRun, enqueueCommand } from '../../../../../src/cli/commands/enqueue.ts';
import { redoCommand } from '../../../../../src/cli/commands/redo.ts';
import type { ListArguments } from '../../../../../src/cli/options/list.ts';
import type { Delivery } from '../../../../../src/shared/journal/objects.ts';
import { IMMUTABLE } from '../../../../../src/shared/store/object-store.ts';
import { openWorkshop } from '../../../../support/workshop.ts';
import { workshopCli } from '../../../../support/workshop-cli.ts';

const RECIPE = {
  description: 'Two files.',
  metadata: 'strip',
  names: '{{category}}/{{sku}}-{{index}}-{{rendition}}.{{ext}}',
  renditions: [
    { name: 'full', format: 'webp', quality: 80 },
    { name: 'small', format: 'jpeg', quality: 80, width: 64, background: '#ffffff' },
  ],
};
const LIST = 'sku,prompt,category,variants\nMUG-1,a mug,Küche,2\nnul,a tee,C:\\wear,1\n';

async function openShopOfNames(list = LIST) {
  const workshop = await openWorkshop();
  const cli = await workshopCli(workshop);
  const path = join(cli.path, 'list.csv');
  await writeFile(path, list);
  await writeFile(join(cli.path, 'shop.json'), JSON.stringify(RECIPE));
  const args = (more: Partial<ListArguments>): ListArguments => ({
    priority: 1_000,
    batch: 'Spring',
    quality: 'low',
    ...more,
  });
  return {
    ...workshop,
    cli,
    put: jest.spyOn(workshop.shop.store, 'put'),
    enqueue: (more: Partial<ListArguments>) =>
      cli.run((context) => enqueueCommand(context, path, args(more))),
    dryRun: (more: Partial<ListArguments>) => cli.run((context) => dryRun(context, 'run', path, args(more))),
    /** Works until the batch has ended; resolves to the keys of its files in the order of the list. */
    async filesOf(batch: string): Promise<string[]> {
      await using _worker = await workshop.startWorker();
      await workshop.untilEnded(batch);
      const deliveries: Delivery[] = [];
      for (const name of await workshop.shop.journal.deliveredNames(batch)) {
        const [row, part] = name.split('.').map(Number);
        const delivery = await workshop.shop.journal.readDelivery({ batch, row: row ?? 0, part: part ?? 0 });
        if (delivery !== undefined) deliveries.push(delivery);
      }
      deliveries.sort((a, b) => a.row - b.row || a.part - b.part);
      return deliveries.flatMap(({ images }) =>
        images.flatMap(({ renditions }) => renditions.map(({ key }) => key)),
      );
    },
    [Symbol.asyncDispose]: async () => {
      await cli[Symbol.asyncDispose]();
      await workshop[Symbol.asyncDispose]();
    },
  };
}

/** How the renditions of a batch were stored, by key. */
function cacheOf(
  put: Awaited<ReturnType<typeof openShopOfNames>>['put'],
  folder: string,
): Map<string, unknown> {
  const stored = put.mock.calls.filter(([key]) => key.startsWith(folder) && !key.includes('manifest.'));
  return new Map(stored.map(([key, , { cacheControl }]) => [key, cacheControl]));
}

describe('the names of a batch', () => {
  it("come from the recipe's template, folders included, on a worker that has neither file nor list", async () => {
    await using at = await openShopOfNames();
    await at.enqueue({ recipe: './shop.json' });
    const files = await at.filesOf('Spring');
    const folder = files[0]?.split('/')[0] ?? '';
    expect(folder).toMatch(/^Spring~/);
    expect(files.map((key) => key.slice(folder.length))).toEqual([
      '/Kuche/MUG-1-0-full.webp',
      '/Kuche/MUG-1-0-small.jpg',
      '/Kuche/MUG-1-1-full.webp',
      '/Kuche/MUG-1-1-small.jpg',
      '/C-wear/nul-0-full.webp',
      '/C-wear/nul-0-small.jpg',
    ]);
    for (const key of files)
      expect(await at.shop.store.get(key)).toMatchObject({ contentType: expect.stringContaining('image/') });
    expect(cacheOf(at.put, folder)).toEqual(new Map(files.map((key) => [key, 'public, max-age=3600'])));
  });

  it('with the hash of the content are immutable, and a redo names its files alike in a folder of its own', async () => {
    await using at = await openShopOfNames();
    await at.enqueue({ recipe: './shop.json', names: '{{sku}}-{{rendition}}.{{hash}}.{{ext}}' });
    const files = await at.filesOf('Spring');
    const folder = files[0]?.split('/')[0] ?? '';
    expect(files).toHaveLength(6);
    for (const key of files) {
      expect(key).toMatch(/\/(MUG-1|nul)-(full|small)\.[0-9a-f]{16}\.(webp|jpg)$/);
    }
    expect(cacheOf(at.put, folder)).toEqual(new Map(files.map((key) => [key, IMMUTABLE])));

    await at.cli.run((context) => redoCommand(context, 'Spring', { shot: 'nul', yes: true }));
    const redo = (await at.shop.batches.list()).find((batch) => batch !== 'Spring') ?? '';
    const again = await at.filesOf(redo);
    expect(again).toHaveLength(2);
    for (const key of again)
      expect(key).toMatch(/^Spring_take1-[^/]+\/nul-(full|small)\.[0-9a-f]{16}\.(webp|jpg)$/);
    expect(files).not.toContain(again[0]);
  });

  it('that meet are refused by the dry run and by enqueue, with both lines, before anything is stored or spent', async () => {
    await using at = await openShopOfNames('sku,prompt,category\nmug,a mug,x\nMUG,a tee,x\n');
    const names = '{{sku}}-{{rendition}}.{{ext}}';
    const sentence =
      'line 3, option --names: "MUG-full.webp" would be the name of a file of line 2 and of line 3';
    for (const way of [at.dryRun, at.enqueue]) {
      await expect(way({ names })).rejects.toMatchObject({
        code: 'bad_list',
        message: expect.stringContaining(sentence),
      });
    }
    await expect(at.dryRun({ names: '{{sku}}.{{ext}}' })).rejects.toMatchObject({
      code: 'bad_option',
      message: expect.stringContaining('add {{rendition}}'),
    });
    await expect(at.dryRun({ names: '{{sku}}' })).rejects.toMatchObject({
      code: 'bad_option',
      message: expect.stringContaining('--names: it must end in .{{ext}}'),
    });
    expect(at.fal.book.entries()).toEqual([]);
    expect(at.put).not.toHaveBeenCalled();
  });

  it('with a size in them are said by the dry run to be the numbers of the recipe', async () => {
    await using at = await openShopOfNames('sku,prompt,category\nmug,a mug,x\n');
    const { err } = await at.dryRun({ names: '{{sku}}-{{rendition}}-{{width|full}}.{{ext}}' });
    expect(err).toContain(
      'note: {{width}} in the names is the size that the recipe asks for; a file of the rendition',
    );
    expect((await at.dryRun({ names: '{{sku}}-{{rendition}}.{{ext}}' })).err).not.toContain('in the names');
  });

  it('are part of what the batch is: another template is another batch, and default names change no id', async () => {
    await using at = await openShopOfNames();
    const idOf = async (more: Partial<ListArguments>) => {
      const { batch: _, ...args } = { batch: undefined, json: true as const, ...more };
      const { out } = await at.cli.run((context) =>
        dryRun(context, 'run', join(at.cli.path, 'list.csv'), { priority: 1_000, ...args }),
      );
      return JSON.parse(out).batch as unknown;
    };
    const plain = await idOf({});
    const named = await idOf({ names: '{{sku}}-{{index}}-{{rendition}}.{{ext}}' });
    expect(named).not.toBe(plain);
    expect(await idOf({ names: '{{sku}}-{{index}}-{{rendition}}.{{ext}}' })).toBe(named);
    expect(await idOf({ names: '{{index}}-{{sku}}-{{rendition}}.{{ext}}' })).not.toBe(named);
  });
});

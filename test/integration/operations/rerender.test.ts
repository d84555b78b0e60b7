import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, jest } from '@jest/globals';
import { exportCommand } from '../../../src/cli/commands/export.ts';
import { redoCommand } from '../../../src/cli/commands/redo.ts';
import { type RerenderArguments, rerenderCommand } from '../../../src/cli/commands/rerender.ts';
import type { ManifestLine } from '../../../src/shared/manifest/manifest.ts';
import { expectLedgerIsBook, expectMoneyAtRest } from '../../support/accounts.ts';
import { sha256Of } from '../../support/sha256.ts';
import { openWorkshop, type Workshop } from '../../support/workshop.ts';
import { type WorkshopCli, workshopCli } from '../../support/workshop-cli.ts';

// Waits are for conditions; on a machine that is busy with other work they come to pass late.
jest.setTimeout(90_000);

const LIST = [
  { id: 'mug', prompt: 'a mug', variants: '3' },
  { id: 'tee', prompt: 'a tee' },
];

interface Answer {
  readonly batch: string;
  readonly images: number;
}

async function rerender(cli: WorkshopCli, args: RerenderArguments): Promise<Answer> {
  const { out } = await cli.run((context) => rerenderCommand(context, 'spring', { json: true, ...args }));
  // Printed by the command; what is asserted on it is its content.
  return JSON.parse(out) as Answer;
}

async function manifestOf(cli: WorkshopCli, batch: string): Promise<ManifestLine[]> {
  const { out } = await cli.run((context) => exportCommand(context, batch, { format: 'jsonl', json: true }));
  return JSON.parse(out) as ManifestLine[];
}

async function delivered(workshop: Workshop): Promise<void> {
  await workshop.enqueueRows(LIST, { batch: 'spring', list: { recipe: 'catalog', inputs: {} } });
  await workshop.startWorker();
  await workshop.untilEnded('spring');
}

const namesOf = (lines: readonly ManifestLine[]) =>
  lines.map(({ images }) => images.map(({ renditions }) => renditions.map(({ name }) => name).join()));

/** Without the batch's folder. */
const fileNamesOf = (lines: readonly ManifestLine[]) =>
  lines.flatMap(({ images }) =>
    images.flatMap(({ renditions }) => renditions.map(({ key }) => key.slice(key.indexOf('/') + 1))),
  );

describe('rerender', () => {
  it('makes the renditions of another recipe for nothing, leaves the old ones, and is harmless to repeat', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    await delivered(workshop);
    const before = await manifestOf(cli, 'spring');
    const charged = workshop.fal.book.charged().length;

    const { batch, images } = await rerender(cli, { recipe: 'amazon-main' });
    expect(batch).toMatch(/^spring\.amazon-main-[0-9a-f]{8}$/);
    expect(images).toBe(4);
    await workshop.untilEnded(batch);
    const after = await manifestOf(cli, batch);
    expect(after.map(({ shot, status, costUsd }) => [shot, status, costUsd])).toEqual([
      ['mug', 'delivered', 0],
      ['tee', 'delivered', 0],
    ]);
    expect(namesOf(after)).toEqual([['main', 'main', 'main'], ['main']]);
    expect(after.map((line) => line.images.map(({ original }) => original.key))).toEqual(
      before.map((line) => line.images.map(({ original }) => original.key)),
    );

    expect(await manifestOf(cli, 'spring')).toEqual(before);
    for (const { key, sha256 } of before.flatMap((line) =>
      line.images.flatMap(({ renditions }) => renditions),
    )) {
      expect(sha256Of(await workshop.shop.store.get(key))).toBe(sha256);
    }
    const again = await cli.run((context) => rerenderCommand(context, 'spring', { recipe: 'amazon-main' }));
    expect(again.err).toContain(`${batch} was made before`);
    expect(workshop.fal.book.charged()).toHaveLength(charged);
    await expectLedgerIsBook(workshop);
    await expectMoneyAtRest(workshop, 'spring', batch);
  });

  it('names its files by --names, else by the recipe, else as the batch does, and refuses names that meet', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    await delivered(workshop);
    await rerender(cli, { recipe: 'amazon-main', names: '{{id}}.{{index}}.{{ext}}' }).then(
      async ({ batch }) => {
        await workshop.untilEnded(batch);
        expect(fileNamesOf(await manifestOf(cli, batch))).toEqual([
          'mug.0.jpg',
          'mug.1.jpg',
          'mug.2.jpg',
          'tee.0.jpg',
        ]);
        // The next one takes the names of this one along.
        const { out } = await cli.run((context) =>
          rerenderCommand(context, batch, {
            recipe: 'etsy',
            names: '{{rendition}}/{{id}}-{{index}}.{{ext}}',
            json: true,
          }),
        );
        const { batch: etsy } = JSON.parse(out) as Answer;
        const again = await cli.run((context) =>
          rerenderCommand(context, etsy, { recipe: 'shopify', json: true }),
        );
        const { batch: shopify } = JSON.parse(again.out) as Answer;
        await workshop.untilEnded(shopify);
        expect(fileNamesOf(await manifestOf(cli, shopify)).slice(0, 2)).toEqual([
          'square/mug-0.jpg',
          'full/mug-0.webp',
        ]);
      },
    );
    const refused = [
      [
        '{{rendition}}-{{index}}.{{ext}}',
        'bad_names',
        'tee: "main-0.jpg" would be the name of a file of row 0 and of row 1',
      ],
      ['{{id}}', 'bad_option', '--names: it must end in .{{ext}}'],
    ] as const;
    for (const [names, code, message] of refused) {
      await expect(rerender(cli, { recipe: 'amazon-main', names })).rejects.toMatchObject({
        code,
        message: expect.stringContaining(message),
      });
    }
  });

  it('renders the take that counts, and by a recipe of a person’s own', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    await delivered(workshop);
    const redone = await cli.run((context) => redoCommand(context, 'spring', { shot: 'tee', json: true }));
    await workshop.untilEnded((JSON.parse(redone.out) as Answer).batch);
    const [, tee] = await manifestOf(cli, 'spring');
    const mine = {
      description: 'x',
      metadata: 'strip',
      renditions: [{ name: 'tiny', format: 'png', width: 20 }],
    };
    await writeFile(join(cli.path, 'mine.json'), JSON.stringify(mine));

    const { batch } = await rerender(cli, { recipe: './mine.json' });
    await workshop.untilEnded(batch);
    const after = await manifestOf(cli, batch);
    expect(namesOf(after)).toEqual([['tiny', 'tiny', 'tiny'], ['tiny']]);
    expect(after[1]?.images[0]?.original.key).toBe(tee?.images[0]?.original.key);
  });

  it('says what is wrong: no such batch, no such recipe, nothing stored', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const refused = async (batch: string, recipe: string) =>
      await cli
        .run((context) => rerenderCommand(context, batch, { recipe }))
        .then(
          () => 'taken',
          (error: Error) => error.message,
        );
    expect(await refused('sprint', 'amazon-main')).toContain('There is no batch sprint');
    expect(await refused('spring', 'amazon')).toContain('amazon-main');
    await workshop.enqueueRows(LIST, { batch: 'spring' });
    expect(await refused('spring', 'amazon-main')).toContain('No picture of spring is stored');
  });
});

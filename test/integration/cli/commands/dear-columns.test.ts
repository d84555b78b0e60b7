import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { dryRun, enqueueCommand } from '../../../../src/cli/commands/enqueue.ts';
import type { ListArguments } from '../../../../src/cli/options/list.ts';
import { openWorkshop } from '../../../support/workshop.ts';
import { workshopCli } from '../../../support/workshop-cli.ts';

// A shop's export: its stock is called variants.
const LIST = 'id,prompt,variants\nmug,a red mug,42\ntee,a tee,42\n';
const LINE = 'The column variants makes 84 pictures of 2 rows; a column that means';

describe("a shop's own column that makes a list dear", () => {
  it('is said in the plan, refused without --yes, and left unread with --ignore', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const path = join(cli.path, 'stock.csv');
    await writeFile(path, LIST);
    const args = (more: Partial<ListArguments>) => ({ priority: 1_000, ...more });
    const enqueue = (more: Partial<ListArguments>) =>
      cli.run((context) => enqueueCommand(context, path, args({ json: true, ...more })));

    const dry = await cli.run((context) => dryRun(context, 'enqueue', path, args({ dryRun: true })));
    expect(dry.err).toContain(LINE);
    expect(dry.err).toContain('without a terminal it needs --yes or --cap');
    await expect(enqueue({})).rejects.toMatchObject({
      code: 'not_confirmed',
      message: expect.stringContaining('--ignore variants'),
    });
    expect(await workshop.shop.batches.list()).toEqual([]);

    const unread = JSON.parse((await enqueue({ ignore: ['variants'], batch: 'unread' })).out);
    expect(unread).toMatchObject({ batch: 'unread', images: 2 });
    expect(unread).not.toHaveProperty('columns');
    const meant = await enqueue({ cap: 2_000_000, batch: 'meant' });
    expect(JSON.parse(meant.out)).toMatchObject({
      images: 84,
      columns: [{ column: 'variants', rows: 2, images: 84, times: 42 }],
    });
    expect(meant.err).toContain(LINE);
  });
});

import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, jest } from '@jest/globals';
import sharp from 'sharp';
import { approveCommand } from '../../../../src/cli/commands/approve.ts';
import { enqueueCommand } from '../../../../src/cli/commands/enqueue.ts';
import { sheetCommand } from '../../../../src/cli/commands/sheet.ts';
import { DEFAULT_PRIORITY } from '../../../../src/shared/queues/jobs.ts';
import { openWorkshop } from '../../../support/workshop.ts';
import { workshopCli } from '../../../support/workshop-cli.ts';

// Waits are for conditions; on a machine that is busy with other work they come to pass late.
jest.setTimeout(90_000);

/** What the cards of a sheet say, by their order. */
function cardsOf(page: string) {
  return [
    ...page.matchAll(/<article class="shot" data-state="(\w+)" data-checks="[^"]*">([\s\S]*?)<\/article>/g),
  ].map(([, state, card = '']) => ({
    state,
    shot: /<h2><bdi>([^<]*)</.exec(card)?.[1],
    reason: /<p class="reason">([^<]*)</.exec(card)?.[1],
    pictures: [...card.matchAll(/src="data:(image\/\w+);base64,([^"]*)"/g)].map(([, type, text = '']) => ({
      type,
      bytes: Buffer.from(text, 'base64'),
    })),
    card,
  }));
}

describe('sheet', () => {
  it('writes one file with every shot: its pictures small and whole, its cost, and why it failed', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const batch = await workshop.enqueueRows([
      { id: 'wide', prompt: 'a wide <shelf> & "lamp"', image_size: '1536x1024', variants: '2' },
      { id: 'square', prompt: 'a cap' },
      // What fal's content checker refuses.
      { id: 'bad', prompt: 'a bloody knife' },
    ]);
    await workshop.startWorker();
    await workshop.untilEnded(batch);
    const { out, result } = await cli.run((context) =>
      sheetCommand(context, batch, { out: 'sheet.html', json: true }),
    );
    expect(result).toBe(0);
    expect(JSON.parse(out)).toEqual({ batch, file: 'sheet.html', shots: 3, images: 3 });
    const page = await readFile(join(cli.path, 'sheet.html'), 'utf8');
    const [wide, square, bad] = cardsOf(page);
    expect(wide).toMatchObject({ shot: 'wide', state: 'delivered', reason: undefined });
    expect(wide?.card).toContain('a wide &lt;shelf&gt; &amp; &quot;lamp&quot;');
    expect(wide?.card).toContain('2 pictures');
    expect(wide?.pictures.map(({ type }) => type)).toEqual(['image/jpeg', 'image/jpeg']);
    const { width, height, format } = await sharp(wide?.pictures[0]?.bytes).metadata();
    expect({ width, height, format }).toEqual({ width: 420, height: 280, format: 'jpeg' });
    expect(square?.pictures).toHaveLength(1);
    expect(bad).toMatchObject({ shot: 'bad', state: 'failed', pictures: [] });
    expect(bad?.reason).toContain('content_policy_violation');
    expect(page).toContain('<span class="state done">done</span>');
  });

  it('of a proof shows its shots alone, and all of them once it is approved and done', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const rows = Array.from({ length: 9 }, (_, at) => ({ id: `jug-${at}`, prompt: `a jug number ${at}` }));
    const batch = await workshop.enqueueRows(rows, { proof: 2 });
    await workshop.startWorker();
    await workshop.untilStatus(batch, ({ state }) => state === 'held');
    const file = join(cli.path, `${batch}-contact-sheet.html`);
    await cli.run((context) => sheetCommand(context, batch, {}));
    const proof = await readFile(file, 'utf8');
    expect(cardsOf(proof).map(({ state }) => state)).toEqual(['delivered', 'delivered']);
    expect(proof).toContain('<strong>7 requests wait</strong>');
    expect(proof).toContain(`<code>shotlist approve ${batch} --simulate</code>`);
    await cli.run((context) => approveCommand(context, batch, {}));
    await workshop.untilEnded(batch);
    const { err } = await cli.run((context) => sheetCommand(context, batch, {}));
    expect(err).toContain(`9 shots, 9 pictures in ${batch}-contact-sheet.html`);
    expect(cardsOf(await readFile(file, 'utf8')).map(({ shot }) => shot)).toEqual(rows.map(({ id }) => id));
  });

  it('is written by enqueue --watch when the proof is done', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    await writeFile(
      join(cli.path, 'jugs.csv'),
      `id,prompt,recipe\n${[1, 2, 3, 4].map((at) => `jug-${at},a jug number ${at},original`).join('\n')}\n`,
    );
    await workshop.startWorker();
    const { err, out, result } = await cli.run((context) =>
      enqueueCommand(context, join(cli.path, 'jugs.csv'), {
        proof: 1,
        priority: DEFAULT_PRIORITY,
        batch: 'jugs',
        watch: true,
      }),
    );
    expect(result).toBe(3);
    expect(err).toContain(
      'proof: 1 shot of 4 first, at most $0.02; the other 3 wait for shotlist approve jugs',
    );
    expect(err).toContain('The contact sheet of the proof: jugs-contact-sheet.html');
    expect(out).toBe('');
    expect(cardsOf(await readFile(join(cli.path, 'jugs-contact-sheet.html'), 'utf8'))).toHaveLength(1);
  });

  it('refuses a batch that is not there, and a file that cannot be written, in one sentence', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const batch = await workshop.enqueueRows([{ id: 'one', prompt: 'a pot' }], { batch: 'pots' });
    await expect(cli.run((context) => sheetCommand(context, 'potz', {}))).rejects.toThrow(
      'did you mean pots?',
    );
    await expect(
      cli.run((context) => sheetCommand(context, batch, { out: 'nowhere/sheet.html' })),
    ).rejects.toThrow(/nowhere\/sheet.html cannot be written \(ENOENT\); name another file/);
    expect(await readdir(cli.path)).not.toContain('nowhere');
  });
});

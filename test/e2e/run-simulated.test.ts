import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { readBook } from '../../src/local/fal/read-book.ts';
import type { BatchStatus } from '../../src/shared/status/status.ts';
import { openFolderStore } from '../../src/shared/store/folder/store.ts';
import { EXAMPLE, jsonOf, processesIn, program, workplace } from '../support/program.ts';

interface ManifestLine {
  readonly shot: string;
  readonly status: string;
  readonly costUsd: number;
  readonly images: readonly {
    readonly original: { readonly key: string; readonly width: number; readonly format: string };
    readonly renditions: readonly { readonly name: string; readonly key: string; readonly width: number }[];
  }[];
}

describe('run --simulate', () => {
  it('makes the example catalog into pictures, and a second run has nothing to do and costs nothing', async () => {
    await using at = await workplace();
    const first = await program(['run', EXAMPLE, '--simulate', '--json'], { cwd: at.path });
    // One prompt is refused by fal, so some failed.
    expect(first).toMatchObject({ code: 2 });
    const status = jsonOf<BatchStatus>(first);
    expect(status).toMatchObject({
      state: 'done',
      counts: { planned: 0, delivered: 24, failed: 1, held: 0, unknown: 0 },
      money: { capUsd: null, reservedUsd: 0 },
      heldReason: null,
    });
    expect(first.stderr).toContain('fal is simulated');
    expect(processesIn(at.path)).toEqual([]);

    const book = readBook(join(at.path, '.shotlist/sim/fal'));
    const paid = book.reduce((sum, { chargedMicroUsd }) => sum + chargedMicroUsd, 0);
    expect(Math.round(status.money.spentUsd * 1e6)).toBe(paid);

    const exported = await program(['export', status.batch, '--simulate'], { cwd: at.path });
    const lines = exported.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as ManifestLine);
    expect(lines).toHaveLength(24);
    const pictures = lines.flatMap(({ images }) => images);
    expect(pictures.length).toBe(status.counts.failed === 0 ? 69 : 67);
    await using store = await openFolderStore({ folder: join(at.path, '.shotlist/sim/store') });
    for (const { original, renditions } of pictures) {
      for (const { key, width } of [original, ...renditions]) {
        const { info } = await sharp((await store.get(key))?.body).toBuffer({ resolveWithObject: true });
        expect(info.width).toBe(width);
      }
    }

    const again = await program(['run', EXAMPLE, '--simulate', '--json'], { cwd: at.path });
    // Still the batch with the refused one.
    expect(again).toMatchObject({ code: 2 });
    expect(jsonOf<BatchStatus>(again).money.spentUsd).toBe(status.money.spentUsd);
    expect(again.stderr).toContain('$0.00');
    expect(readBook(join(at.path, '.shotlist/sim/fal'))).toEqual(book);
    expect(processesIn(at.path)).toEqual([]);
    expect(readdirSync(at.path)).toEqual(['.shotlist']);
  }, 120_000);

  it('without --json says what was delivered, what it cost and where the pictures are, and stdout stays empty', async () => {
    await using at = await workplace();
    const ran = await program(['run', '--prompt', 'A red mug', '--variants', '2', '--simulate'], {
      cwd: at.path,
    });
    expect(ran).toMatchObject({ code: 0, stdout: '' });
    for (const words of ['delivered', 'one request an image', '(simulated)', at.path]) {
      expect(ran.stderr).toContain(words);
    }
  }, 60_000);

  it('takes a list from standard input', async () => {
    await using at = await workplace();
    const ran = await program(['run', '-', '--simulate', '--json', '--recipe', 'original'], {
      cwd: at.path,
      input: 'sku;prompt;quality\nA;A blue mug;low\n',
    });
    expect(ran).toMatchObject({ code: 0 });
    expect(jsonOf<BatchStatus>(ran).counts.delivered).toBe(1);
  }, 60_000);

  it('stops at a cap that is too small, says so, and goes on once it is raised', async () => {
    await using at = await workplace();
    const run = ['run', EXAMPLE, '--simulate', '--json', '--batch', 'capped', '--cap', '0.10'];
    const ran = await program(run, { cwd: at.path });
    expect(ran).toMatchObject({ code: 3 });
    const status = jsonOf<BatchStatus>(ran);
    expect(status).toMatchObject({ state: 'held', heldReason: expect.stringContaining('cap') });
    expect(status.money.spentUsd).toBeLessThanOrEqual(0.1);

    const resumed = await program(['resume', 'capped', '--cap', '5', '--simulate'], { cwd: at.path });
    expect(resumed).toMatchObject({ code: 0 });
    const rest = await program(['run', EXAMPLE, '--simulate', '--json', '--batch', 'capped'], {
      cwd: at.path,
    });
    expect(rest).toMatchObject({ code: 2 });
    expect(jsonOf<BatchStatus>(rest)).toMatchObject({ state: 'done', counts: { delivered: 24, failed: 1 } });
  }, 120_000);
});

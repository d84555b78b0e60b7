import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { readBook } from '../../src/local/fal/read-book.ts';
import type { ManifestLine } from '../../src/shared/manifest/manifest.ts';
import { openFolderStore } from '../../src/shared/store/folder/store.ts';
import { objectKeys } from '../../src/shared/store/keys.ts';
import { jsonOf, program, workplace } from '../support/program.ts';

describe('redo --simulate', () => {
  it('makes the take itself where Redis runs for this command alone, and the same list goes on to cost nothing', async () => {
    await using at = await workplace();
    const list = join(at.path, 'mugs.csv');
    await writeFile(list, 'id,title,prompt\nMUG-1,Mug,a mug\nMUG-2,Cup,a cup\n');
    const run = async (...args: string[]) => await program([...args, '--simulate'], { cwd: at.path });
    const exported = async () => jsonOf<ManifestLine[]>(await run('export', batch, '--json'));
    const charges = () =>
      readBook(join(at.path, '.shotlist/sim/fal')).map(({ chargedMicroUsd }) => chargedMicroUsd);
    const { batch } = jsonOf<{ batch: string }>(await run('run', list, '--json'));
    const [mug, cup] = await exported();

    const redone = await run('redo', batch, '--shot', 'MUG-1', '--prompt', '{{title}} on slate', '--json');
    expect(redone).toMatchObject({ code: 0 });
    expect(jsonOf(redone)).toMatchObject({ redoOf: batch, take: 1, images: 1, requests: 1 });
    expect(redone.stderr).toContain(`take 1 counts, $0.02 paid; see it with: shotlist export ${batch}`);
    const [other, same] = await exported();
    expect(other?.images).toMatchObject([{ take: 1, prompt: 'Mug on slate' }]);
    expect(same).toEqual(cup);
    await using store = await openFolderStore({ folder: join(at.path, '.shotlist/sim/store') });
    const manifest = async () => String((await store.get(objectKeys.manifest(batch, 'jsonl')))?.body);
    expect(await manifest()).toContain('"take":1');
    const [image] = other?.images ?? [];
    for (const { key } of [...(image?.renditions ?? []), ...(mug?.images[0]?.renditions ?? [])]) {
      expect({ key, there: (await store.get(key)) !== undefined }).toEqual({ key, there: true });
    }
    expect(image?.renditions[0]?.key).not.toBe(mug?.images[0]?.renditions[0]?.key);

    const picked = await run('redo', batch, '--shot', 'MUG-1', '--pick', '0');
    expect(picked).toMatchObject({ code: 0, stdout: '' });
    expect(picked.stderr).toContain('MUG-1: take 0 counts for picture 0');
    expect(await manifest()).not.toContain('"take"');
    expect(await run('run', list)).toMatchObject({ code: 0 });
    expect(charges()).toEqual([20_000, 20_000, 20_000]);
  }, 120_000);

  it('without a shot says how it is used', async () => {
    await using at = await workplace();
    const { code, stderr } = await program(['redo', 'spring', '--simulate'], { cwd: at.path });
    expect(code).toBe(1);
    expect(stderr).toContain("required option '--shot <ids>' not specified");
  });
});

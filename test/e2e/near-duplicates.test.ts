import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { ManifestLine } from '../../src/shared/manifest/manifest.ts';
import { testFal } from '../support/fal.ts';
import { jsonOf, program, workplace } from '../support/program.ts';
import { realEnv } from '../support/program-fal.ts';

// The simulator draws the same picture for the same words.
const LIST =
  'id,prompt,quality\nMUG-1,a red mug,low\nLAMP,a tall green lamp by the sea,low\nMUG-2,a red mug,low\n';

async function batchIn(folder: string, checks: object) {
  const list = join(folder, 'list.csv');
  await writeFile(list, LIST);
  const recipe = join(folder, 'own.json');
  const content = { description: 'Own.', metadata: 'strip', renditions: [], checks };
  await writeFile(recipe, JSON.stringify(content));
  return ['run', list, '--batch', 'mugs', '--recipe', recipe];
}

describe('a picture that looks nearly like one of another shot', () => {
  it('is delivered with a word in the manifest and on the contact sheet', async () => {
    await using fal = await testFal({ pictures: 'drawn' });
    await using at = await workplace();
    const options = { cwd: at.path, env: realEnv(fal) };
    const { code, stderr } = await program(await batchIn(at.path, {}), options);
    expect({ code, stderr }).toMatchObject({ code: 0 });

    const lines = jsonOf<ManifestLine[]>(await program(['export', 'mugs', '--json'], options));
    const said = new Map(
      lines.map(({ shot, images }) => [
        shot,
        images.flatMap(({ checks = [] }) => checks).filter(({ check }) => check === 'near-duplicate'),
      ]),
    );
    // Either may be rendered first.
    const later = said.get('MUG-1')?.length === 0 ? 'MUG-2' : 'MUG-1';
    const earlier = later === 'MUG-1' ? 'MUG-2' : 'MUG-1';
    const says = `it looks nearly like ${earlier}`;
    expect(said.get(later)).toEqual([{ check: 'near-duplicate', level: 'warn', says }]);
    expect(said.get(earlier)).toEqual([]);
    expect(said.get('LAMP')).toEqual([]);

    const sheet = await program(['sheet', 'mugs', '--out', 'sheet.html'], options);
    expect({ code: sheet.code, stderr: sheet.stderr }).toMatchObject({ code: 0 });
    expect(await readFile(join(at.path, 'sheet.html'), 'utf8')).toContain(`<li>${says}</li>`);
  }, 120_000);

  it('fails where the recipe says so, and once more where what is made again looks the same', async () => {
    await using fal = await testFal({ pictures: 'drawn' });
    await using at = await workplace();
    const options = { cwd: at.path, env: realEnv(fal) };
    const run = await batchIn(at.path, { 'near-duplicate': 'fail' });
    const { code, stderr } = await program([...run, '--regenerate', '1'], options);
    expect({ code, stderr }).toMatchObject({ code: 2 });
    expect(stderr).toMatch(/near-duplicate: it looks nearly like MUG-[12]/);

    const lines = jsonOf<ManifestLine[]>(await program(['export', 'mugs', '--json'], options));
    expect(lines.map(({ status }) => status).sort()).toEqual(['delivered', 'delivered', 'failed']);
    // Compared with the pictures of the list, not only with what was made again.
    const again = jsonOf<ManifestLine[]>(await program(['export', 'mugs.again1', '--json'], options));
    const failed = lines.find(({ status }) => status === 'failed')?.shot;
    const other = failed === 'MUG-1' ? 'MUG-2' : 'MUG-1';
    expect(again).toMatchObject([
      { shot: failed, status: 'failed', error: expect.stringContaining(`it looks nearly like ${other}`) },
    ]);
    const ledger = await program(['ledger', '--json', '--batch', 'mugs.again1'], options);
    expect(jsonOf(ledger)).toMatchObject([{ shot: failed, why: 'regenerated: failed_check' }]);
  }, 120_000);
});

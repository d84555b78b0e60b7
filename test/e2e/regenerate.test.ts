import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { ManifestLine } from '../../src/shared/manifest/manifest.ts';
import { testFal } from '../support/fal.ts';
import { jsonOf, processesIn, program, workplace } from '../support/program.ts';
import { listOf, realEnv } from '../support/program-fal.ts';

const isFirst = { when: ({ input }: { input: unknown }) => JSON.stringify(input).includes('number 0') };

describe('run --regenerate', () => {
  it('goes on until what failed its check is made again, and the same command then has nothing to do', async () => {
    await using fal = await testFal({ pictures: 'drawn' });
    await using at = await workplace();
    const recipe = join(at.path, 'strict.json');
    await writeFile(
      recipe,
      '{"description": "Strict.", "metadata": "strip", "renditions": [], "checks": {"blank": "fail"}}',
    );
    fal.faults.add({ on: 'media', kind: 'blank', times: 1, ...isFirst });
    const options = { cwd: at.path, env: realEnv(fal) };
    const list = await listOf(at.path, 3);
    const run = ['run', list, '--batch', 'mugs', '--recipe', recipe, '--regenerate', '2'];
    const first = await program(run, options);
    expect({ code: first.code, stderr: first.stderr }).toMatchObject({ code: 0 });
    expect(first.stderr).toContain(
      '1 picture did not pass the checks: made again as mugs.again1 (take 1 of at most 2)',
    );
    expect(first.stderr).toContain('What did not pass the checks was made again and is delivered.');
    expect(first.stderr).toMatch(/paid in all +│ \$0\.04 /);
    expect(first.stderr).toMatch(/store\/mugs\.again1 /);
    expect(first.stderr).toContain('mugs is done: 3 requests delivered (1 of them made again).\n');
    expect(fal.book.totalMicroUsd()).toBe(40_000);

    const lines = jsonOf<ManifestLine[]>(await program(['export', 'mugs', '--json'], options));
    expect(lines.map(({ status, images }) => [status, images[0]?.take])).toEqual([
      ['delivered', 1],
      ['delivered', undefined],
      ['delivered', undefined],
    ]);
    const ledger = await program(['ledger', '--json', '--batch', 'mugs.again1'], options);
    expect(jsonOf(ledger)).toMatchObject([{ shot: 'SKU-0', why: 'regenerated: failed_check' }]);

    expect(await program(run, options)).toMatchObject({ code: 0 });
    expect(fal.book.totalMicroUsd()).toBe(40_000);
    expect(processesIn(at.path)).toEqual([]);
  }, 120_000);

  it('exits with 2 where the cap leaves room for no further try, and says so', async () => {
    await using fal = await testFal();
    await using at = await workplace();
    fal.faults.add({ on: 'media', kind: 'other-size', ...isFirst });
    const list = await listOf(at.path, 2);
    const { code, stderr } = await program(
      ['run', list, '--batch', 'mugs', '--regenerate', '2', '--cap', '0.03'],
      {
        cwd: at.path,
        env: realEnv(fal),
      },
    );
    expect({ code, stderr }).toMatchObject({ code: 2 });
    expect(stderr).toContain('failed: SKU-0: wrong_size');
    expect(stderr).toContain('1 request failed a check and is not made again: what is left of the cap');
    expect(fal.book.totalMicroUsd()).toBe(30_000);
  }, 120_000);

  it.each(['0', '6', 'often'])('refuses --regenerate %s', async (many) => {
    await using at = await workplace();
    const { code, stderr } = await program(['run', '--prompt', 'a mug', '--simulate', '--regenerate', many], {
      cwd: at.path,
    });
    expect(code).toBe(1);
    expect(stderr).toContain('It must be a whole number from 1 to 5.');
  });
});

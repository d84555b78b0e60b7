import { execFileSync } from 'node:child_process';
import { readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { writeLines } from '../../../../src/operations/export/lines-out.ts';
import { readList } from '../../../../src/producer/list/list.ts';
import { templateOf } from '../../../../src/producer/list/source.ts';
import { readRegularFile } from '../../../../src/shared/base/regular-file.ts';
import { loadRecipe } from '../../../../src/shared/pictures/recipes.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

async function first(path: string): Promise<unknown> {
  for await (const row of readList({ kind: 'file', path })) return row;
  return undefined;
}

describe('a file that a user names', () => {
  it('is read where it is one, by a link too, and no further than its limit', async () => {
    await using folder = await tempFolder();
    const path = join(folder.path, 'text');
    await writeFile(path, 'x'.repeat(100_000));
    await symlink(path, join(folder.path, 'link'));
    expect(await readRegularFile(join(folder.path, 'link'), 100_000)).toHaveLength(100_000);
    await expect(readRegularFile(path, 99_999)).rejects.toMatchObject({ code: 'EFBIG' });
    await expect(readRegularFile(join(folder.path, 'no'), 1)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(readRegularFile(folder.path, 1)).rejects.toMatchObject({ code: 'EISDIR' });
  });

  it('is refused at once where it is a pipe that nobody writes to, or a device without an end', async () => {
    await using folder = await tempFolder();
    for (const name of ['pipe', 'pipe.csv', 'pipe.json']) execFileSync('mkfifo', [join(folder.path, name)]);
    await expect(templateOf('@pipe', folder.path)).rejects.toThrow('pipe is a pipe or a device');
    await expect(templateOf('@/dev/zero', folder.path)).rejects.toThrow('/dev/zero is a pipe or a device');
    await expect(first(join(folder.path, 'pipe.csv'))).rejects.toThrow('pipe.csv is a pipe or a device');
    await expect(loadRecipe(join(folder.path, 'pipe.json'))).rejects.toThrow('cannot be read (ENOTREGULAR)');
  });

  it('is bounded where its size says nothing, as that of a file of /proc', async () => {
    // 0 bytes by its size.
    await expect(readRegularFile('/proc/self/smaps', 100)).rejects.toMatchObject({ code: 'EFBIG' });
  });
});

describe('a file that is written', () => {
  it('follows no link that somebody put beside it', async () => {
    await using folder = await tempFolder();
    const [out, target] = [join(folder.path, 'out.csv'), join(folder.path, 'target')];
    await writeFile(target, 'mine');
    await symlink(target, `${out}.part`);
    async function* lines() {
      yield 'a';
    }
    await writeLines(out, lines());
    expect(await readFile(out, 'utf8')).toBe('a\n');
    expect(await readFile(target, 'utf8')).toBe('mine');
  });
});

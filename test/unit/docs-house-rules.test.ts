import { execFile } from 'node:child_process';
import { copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { ROOT, readPage, tableOf } from '../support/docs.ts';
import { tempFolder } from '../support/temp-folder.ts';

const page = await readPage('CONTRIBUTING.md');
const folders = tableOf(page, 'folder of src').map(([folder = '', allowed = '']) => ({
  folder,
  allowed: allowed.split(', '),
}));
const owners = tableOf(page, 'package').map(([name = '', files = '']) => ({
  name,
  files: files.split(', '),
}));

const report = z.object({
  diagnostics: z.array(z.object({ category: z.string(), location: z.object({ path: z.string() }) })),
});

/** The paths of those files that import what the linter forbids them, in one run over a copy of its settings. */
async function forbidden(files: Readonly<Record<string, string>>): Promise<Set<string>> {
  await using temp = await tempFolder();
  for (const name of ['biome.json', '.gitignore']) await copyFile(join(ROOT, name), join(temp.path, name));
  await symlink(join(ROOT, 'node_modules'), join(temp.path, 'node_modules'));
  for (const [path, imported] of Object.entries(files)) {
    await mkdir(dirname(join(temp.path, path)), { recursive: true });
    await writeFile(join(temp.path, path), `export { x } from '${imported}';\n`);
  }
  const biome = join(ROOT, 'node_modules/@biomejs/biome/bin/biome');
  const args = [
    biome,
    'lint',
    '--only=style/noRestrictedImports',
    '--max-diagnostics=none',
    '--reporter=json',
  ];
  const { stdout } = await promisify(execFile)(process.execPath, [...args, 'src', 'test'], {
    cwd: temp.path,
  }).catch((failed: { stdout?: string }) => ({ stdout: failed.stdout ?? '' }));
  const { diagnostics } = report.parse(JSON.parse(stdout));
  return new Set(
    diagnostics.flatMap(({ category, location }) =>
      category === 'lint/style/noRestrictedImports' ? [location.path.replaceAll('\\', '/')] : [],
    ),
  );
}

describe('the house rules', () => {
  it('keep each folder from importing what CONTRIBUTING.md does not allow it', async () => {
    const files: Record<string, string> = {};
    const expected = new Set<string>();
    for (const { folder, allowed } of folders) {
      for (const { folder: other } of folders.filter((each) => each.folder !== folder)) {
        const path = `src/${folder}/deep/imports-${other}.ts`;
        files[path] = `../../${other}/thing.ts`;
        if (!allowed.includes(other)) expected.add(path);
      }
    }
    expect(await forbidden(files)).toEqual(expected);
    expect(expected.size).toBe(13);
  });

  it('give each package to its owner alone', async () => {
    const files: Record<string, string> = {};
    const expected = new Set<string>();
    for (const { name, files: owned } of owners) {
      const inCli = owned.some((file) => file.startsWith('cli/'));
      const plain = name.replace(/[^a-z0-9]+/g, '-');
      for (const folder of ['shared', 'producer', 'worker', 'local', ...(inCli ? [] : ['cli'])]) {
        files[`src/${folder}/takes-${plain}.ts`] = name;
        expected.add(`src/${folder}/takes-${plain}.ts`);
      }
      files[`test/unit/takes-${plain}.ts`] = name;
    }
    expect(await forbidden(files)).toEqual(expected);
    // A file can be written once only, so owners of two packages would be lost here.
    const owning = owners.flatMap(({ name, files: owned }) =>
      owned.map((file) => [`src/${file}`, name] as const),
    );
    expect(new Set(owning.map(([file]) => file)).size).toBe(owning.length);
    expect(await forbidden(Object.fromEntries(owning))).toEqual(new Set());
  });

  it('name an owner for every package that the program depends on, but for those that anybody may use', async () => {
    const { dependencies } = z
      .object({ dependencies: z.record(z.string(), z.string()) })
      .parse(JSON.parse(await readPage('package.json')));
    const anybody = ['zod', 'p-map', 'lru-cache', 'pino-pretty'];
    const named = owners.map(({ name }) => name.replace(/\/sync$/, ''));
    expect(named.sort()).toEqual(
      Object.keys(dependencies)
        .filter((name) => !anybody.includes(name))
        .sort(),
    );
  });
});

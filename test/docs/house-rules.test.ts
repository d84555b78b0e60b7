import { execFile } from 'node:child_process';
import { copyFile, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { ROOT, readPage, tableOf } from '../support/docs.ts';
import { tempFolder } from '../support/temp-folder.ts';

const page = await readPage('CONTRIBUTING.md');
const folders = tableOf(page, 'folder of src').map(([folder = '', allowed = '']) => ({
  folder,
  allowed: allowed.split(/[,;] /),
}));
/** From the lowest up. */
const floors = tableOf(page, 'floor of shared').map(([name = '']) => name);
const owners = tableOf(page, 'package').map(([name = '', owning = '']) => ({
  name,
  owning: owning.split(', '),
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
        const path = `src/${folder}/${folder === 'shared' ? 'manifest' : 'deep'}/imports-${other}.ts`;
        files[path] = `../../${other}/thing.ts`;
        if (!allowed.includes(other)) expected.add(path);
      }
    }
    expect(await forbidden(files)).toEqual(expected);
    expect(expected.size).toBe(26);
  });

  it('keep each floor of shared from importing one above it, and shared from a file of its own', async () => {
    const files: Record<string, string> = {
      'src/shared/loose.ts': './base/thing.ts',
      'src/shared/store/deep/imports-fal.ts': '../../fal/thing.ts',
      'src/shared/store/deep/imports-base.ts': '../../base/thing.ts',
    };
    const expected = new Set(['src/shared/loose.ts', 'src/shared/store/deep/imports-fal.ts']);
    for (const [at, floor] of floors.entries()) {
      for (const [other, above] of floors.entries()) {
        if (other === at) continue;
        const path = `src/shared/${floor}/imports-${above}.ts`;
        files[path] = `../${above}/thing.ts`;
        if (other > at) expected.add(path);
      }
    }
    expect(await forbidden(files)).toEqual(expected);
    const folders = await readdir(join(ROOT, 'src/shared'));
    expect(folders.sort()).toEqual([...floors].sort());
  });

  it('give each package to its owners alone', async () => {
    const files: Record<string, string> = {};
    const expected = new Set<string>();
    const deep = owners.flatMap(({ owning }) => owning).filter((owner) => owner.split('/').length > 1);
    const places = [
      ...floors.map((floor) => `shared/${floor}`),
      ...folders.map(({ folder }) => folder).filter((folder) => folder !== 'shared'),
      ...deep,
    ];
    for (const { name, owning } of owners) {
      const plain = name.replace(/[^a-z0-9]+/g, '-');
      for (const place of new Set(places)) {
        const path = `src/${place}/takes-${plain}.ts`;
        files[path] = name.startsWith('csv-') ? `${name}/sync` : name;
        // What a room may import its folders may, but the worker's: there it is for the files of the room itself.
        const isOwner = owning.some(
          (owner) => owner === place || (owner !== 'worker' && place.startsWith(`${owner}/`)),
        );
        if (!isOwner) expected.add(path);
      }
      files[`test/unit/takes-${plain}.ts`] = name;
    }
    expect(await forbidden(files)).toEqual(expected);
  });

  it('name an owner for every package that the program depends on, but for those that anybody may use', async () => {
    const { dependencies } = z
      .object({ dependencies: z.record(z.string(), z.string()) })
      .parse(JSON.parse(await readPage('package.json')));
    const anybody = ['zod', 'p-map', 'lru-cache', 'pino-pretty'];
    const named = owners.map(({ name }) => name);
    expect(named.sort()).toEqual(
      Object.keys(dependencies)
        .filter((name) => !anybody.includes(name))
        .sort(),
    );
  });
});

// `npm run protocol -- --seed N --runs N` or `--minutes M`: the model of the money protocol under millions of schedules, in as
// many processes as `--processes` says, each with a seed of its own (docs/states.md).
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { environmentFor } from './setup/child-env.mjs';
import { ownFolder } from './setup/own-folder.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    first: { type: 'string', default: '0' },
    runs: { type: 'string' },
    minutes: { type: 'string' },
    processes: { type: 'string', default: '1' },
    mutation: { type: 'string' },
  },
});

// Compiled, not run through tsx: what tsx adds to each function costs a third of the time.
ownFolder(join(root, '.shotlist'));
const built = mkdtempSync(join(root, '.shotlist/protocol-'));
const children = [];
for (const signal of ['SIGINT', 'SIGTERM'])
  process.on(signal, () => children.map((child) => child.kill(signal)));
const { status } = spawnSync(
  process.execPath,
  [
    ...[
      join(root, 'node_modules/typescript/bin/tsc'),
      join(root, 'test/support/protocol-run.ts'),
      '--ignoreConfig',
    ],
    ...['--noCheck', '--target', 'es2023', '--module', 'nodenext', '--rewriteRelativeImportExtensions'],
    ...['--types', 'node', '--rootDir', root, '--outDir', built],
  ],
  { cwd: root, env: environmentFor('program'), stdio: 'inherit' },
);
if (status === 0) {
  const { processes, seed, ...rest } = values;
  const ends = Array.from({ length: Number(processes) }, (_, nth) => {
    const args = Object.entries({ ...rest, seed: Number(seed) + nth }).flatMap(([name, value]) =>
      value === undefined ? [] : [`--${name}`, String(value)],
    );
    const child = spawn(process.execPath, [join(built, 'test/support/protocol-run.js'), ...args], {
      env: environmentFor('tests'),
      stdio: 'inherit',
    });
    children.push(child);
    return new Promise((resolve) => {
      child.on('exit', (code) => resolve(code ?? 130));
    });
  });
  process.exitCode = Math.max(...(await Promise.all(ends)));
} else process.exitCode = 1;
rmSync(built, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });

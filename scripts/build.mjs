// Compiles src/ to dist/. Does nothing when dist/ was made from exactly these sources.
import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { environmentFor } from './setup/child-env.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const STAMP = '.built-from';

const fingerprint = fingerprintOf(root);
if (stampOf(dist) !== fingerprint) build();

function build() {
  // Built beside dist/ and swapped in whole: who reads dist/ meanwhile (a worker starting a child) sees one build.
  const fresh = join(root, `dist.${process.pid}-${randomBytes(4).toString('hex')}`);
  try {
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const { status, error } = spawnSync(
      process.execPath,
      [tsc, '-p', join(root, 'tsconfig.json'), '--outDir', fresh],
      { cwd: root, env: environmentFor('program'), stdio: ['ignore', 'inherit', 'inherit'] },
    );
    if (error !== undefined || status !== 0) {
      console.error(
        error === undefined
          ? 'The build failed; dist/ is as it was.'
          : `The compiler did not start: ${error.message}.`,
      );
      process.exitCode = 1;
      return;
    }
    const cli = join(fresh, 'cli/main.js');
    if (existsSync(cli)) chmodSync(cli, 0o755);
    writeFileSync(join(fresh, STAMP), fingerprint);
    swap(fresh);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** Two builds may swap at the same time: whoever finds a new dist/ in its way moves that one aside too. */
function swap(fresh) {
  const old = `${fresh}-old`;
  for (let attempt = 0; ; attempt += 1) {
    try {
      if (existsSync(dist)) renameSync(dist, `${old}${attempt}`);
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
    }
    try {
      renameSync(fresh, dist);
      break;
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST'].includes(error.code) || attempt === 20) throw error;
    }
  }
  for (const name of readdirSync(root)) {
    const path = join(root, name);
    if (path.startsWith(old)) rmSync(path, { recursive: true, force: true });
  }
}

/** The content of everything that decides what comes out; times would lie after a checkout or a copy. */
function fingerprintOf(folder) {
  const hash = createHash('sha256');
  const sources = readdirSync(join(folder, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
  const compiler = join(folder, 'node_modules/typescript/package.json');
  for (const path of [...sources.sort(), join(folder, 'tsconfig.json'), compiler]) {
    const bytes = readFileSync(path);
    hash.update(`${path.slice(folder.length)}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest('hex');
}

function stampOf(folder) {
  try {
    return readFileSync(join(folder, STAMP), 'utf8');
  } catch {
    return undefined; // never built
  }
}

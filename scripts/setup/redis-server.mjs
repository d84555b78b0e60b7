// Finds a redis-server or valkey-server, or unpacks Debian's without root and without installing a service.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  constants,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join, relative } from 'node:path';
import { environmentFor } from './child-env.mjs';

/** `src/local/redis-binary.ts` looks in the same places, in the same order, for the same versions. */
export const NAMES = ['redis-server', 'valkey-server'];
const OLDEST = [6, 2];
/** Homebrew's folders: a shell that was not set up for it, or an editor, has them not on the PATH. */
const MORE_FOLDERS = ['/opt/homebrew/bin', '/usr/local/bin'];
/** A mirror that accepts and never answers would hang the set-up. */
const TIMEOUT_MS = 180_000;

/** The path of a server that runs and is new enough. */
export function findRedis(root, path = process.env.PATH ?? '') {
  const folders = [...path.split(delimiter).filter((folder) => folder !== ''), ...MORE_FOLDERS];
  const candidates = folders.flatMap((folder) => NAMES.map((name) => join(folder, name)));
  return [...candidates, unpackedServer(root)].find(
    (file) => isExecutable(file) && isNewEnough(versionOf(file)),
  );
}

/** A two-line shell script beside the unpacked files, which knows where their libraries lie. */
function unpackedServer(root) {
  return join(root, '.shotlist/redis-server/redis-server');
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

function versionOf(file) {
  const { stdout } = spawnSync(file, ['--version'], {
    encoding: 'utf8',
    env: environmentFor('program'),
    timeout: 10_000,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return parseVersion(stdout ?? '');
}

/** `Redis server v=7.0.15 sha=…` and `Valkey server v=8.0.1 …`, as [major, minor]. */
export function parseVersion(text) {
  const match = /\bv=(\d+)\.(\d+)/.exec(text);
  return match === null ? undefined : [Number(match[1]), Number(match[2])];
}

export function isNewEnough(version) {
  if (version === undefined) return false;
  return version[0] > OLDEST[0] || (version[0] === OLDEST[0] && version[1] >= OLDEST[1]);
}

const TOOLS = ['apt-get', 'dpkg-deb', 'brew', 'apk', 'dnf', 'yum', 'zypper', 'pacman'];

export function hostTools(path = process.env.PATH ?? '') {
  const folders = path.split(delimiter).filter((folder) => folder !== '');
  return TOOLS.filter((tool) => folders.some((folder) => isExecutable(join(folder, tool))));
}

/** The one command that helps, as a sentence. */
export function helpCommand(platform, tools) {
  const commands = [
    ['brew', 'brew install redis'],
    ['apt-get', 'apt-get update && apt-get install redis-server'],
    ['apk', 'apk add redis'],
    ['dnf', 'dnf install redis'],
    ['yum', 'yum install redis'],
    ['zypper', 'zypper install redis'],
    ['pacman', 'pacman -S redis'],
  ];
  const found = commands.find(([tool]) => tools.includes(tool));
  if (found !== undefined) return `Install one with \`${found[1]}\`, then run \`npm run setup\` again.`;
  if (platform === 'darwin') {
    return 'Install one with `brew install redis` (Homebrew itself: brew.sh), then run `npm run setup` again.';
  }
  if (platform === 'win32') return 'Windows has none: work inside WSL, then run `npm run setup` again.';
  return 'Put one on the PATH (redis.io, valkey.io), then run `npm run setup` again.';
}

/**
 * The packages to fetch: the server, its tools (the binary lies there), and those libraries it needs that the system
 * has not. Input: the output of `apt-cache depends --recurse`, whose unindented lines are the packages.
 */
export function packagesToFetch(dependsOutput, installed) {
  const names = dependsOutput
    .split('\n')
    .filter((line) => /^[a-z0-9]/.test(line))
    .map((line) => line.trim().replace(/:.*$/, ''));
  const libraries = names.filter((name) => /^(lib|lua)/.test(name) && !installed.has(name));
  return [...new Set(['redis-server', 'redis-tools', ...libraries])];
}

/** Unpacks into `.shotlist/redis-server/`; it appears there whole and tried, or not at all. Throws with a sentence. */
export function unpackRedis(root) {
  const target = join(root, '.shotlist/redis-server');
  const work = `${target}.${process.pid}-${randomBytes(4).toString('hex')}`;
  const unpacked = join(work, 'unpacked');
  try {
    const apt = aptIn(join(work, 'apt'));
    const debs = join(work, 'debs');
    mkdirSync(debs, { recursive: true });
    mkdirSync(unpacked, { recursive: true });
    // Own lists: the system's may be empty or stale, and only root may fill them. A source that fails (a third-party
    // one) matters only if the download then fails too.
    const update = apt('apt-get', ['update']);
    const depends = apt('apt-cache', [
      'depends',
      '--recurse',
      ...['recommends', 'suggests', 'conflicts', 'breaks', 'replaces', 'enhances'].map(
        (kind) => `--no-${kind}`,
      ),
      'redis-server',
    ]);
    const names = packagesToFetch(depends.stdout, installedPackages());
    const download = apt('apt-get', ['download', ...names], debs);
    if (download.status !== 0) {
      throw new Error(
        `apt-get could not fetch ${names.join(', ')}: ${lastLines(`${update.stderr}\n${download.stderr}`)}`,
      );
    }
    for (const deb of readdirSync(debs)) {
      run('dpkg-deb', ['-x', join(debs, deb), unpacked]);
    }
    writeLauncher(unpacked);
    const launcher = join(unpacked, 'redis-server');
    if (!isNewEnough(versionOf(launcher)))
      throw new Error(`The unpacked redis-server does not run: ${tryOut(launcher)}`);
    rmSync(target, { recursive: true, force: true });
    renameSync(unpacked, target);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** `$0` keeps it right when the project's folder moves; `exec` keeps the server the child of who started it. */
function writeLauncher(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).map((entry) => ({
    name: entry.name,
    folder: relative(folder, entry.parentPath ?? entry.path),
  }));
  const server = files.find(({ name, folder: at }) => name === 'redis-server' && /(^|\/)s?bin$/.test(at));
  if (server === undefined) throw new Error("Debian's redis-tools package holds no redis-server.");
  const libraries = [
    ...new Set(files.filter(({ name }) => /\.so(\.\d+)*$/.test(name)).map((file) => file.folder)),
  ];
  const libraryPath = libraries.map((path) => `$here/${path}`).join(':');
  const launcher = join(folder, 'redis-server');
  writeFileSync(
    launcher,
    `#!/bin/sh\nhere=$(cd "$(dirname "$0")" && pwd)\nLD_LIBRARY_PATH="${libraryPath}" exec "$here/${server.folder}/redis-server" "$@"\n`,
  );
  chmodSync(launcher, 0o755);
}

/** apt with a state of its own in `folder`, which any user may do. */
function aptIn(folder) {
  for (const path of ['lists/partial', 'cache/archives/partial'])
    mkdirSync(join(folder, path), { recursive: true });
  const quoted = (path) => `"${path.replaceAll('"', '')}"`;
  const config = join(folder, 'apt.conf');
  writeFileSync(
    config,
    [
      // Images' clean-up hooks delete in the system's cache, which fails without root and so fails the update.
      '#clear APT::Update::Pre-Invoke;',
      '#clear APT::Update::Post-Invoke;',
      '#clear APT::Update::Post-Invoke-Success;',
      `Dir::State ${quoted(folder)};`,
      `Dir::State::Lists ${quoted(join(folder, 'lists'))};`,
      'Dir::State::status "/var/lib/dpkg/status";',
      `Dir::Cache ${quoted(join(folder, 'cache'))};`,
      'Debug::NoLocking "1";',
      // As root apt would change to its own user, who may not write here.
      'APT::Sandbox::User "";',
      'Acquire::Retries "2";',
      'Acquire::http::Timeout "30";',
      'Acquire::https::Timeout "30";',
      'Acquire::Languages "none";',
      '',
    ].join('\n'),
  );
  return (command, args, cwd = folder) => run(command, ['-c', config, '-q', ...args], { cwd, mayFail: true });
}

function installedPackages() {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg's own placeholders
  const format = '${db:Status-Abbrev} ${Package}\n';
  const { stdout } = run('dpkg-query', ['-W', '-f', format], { mayFail: true });
  return new Set(
    stdout
      .split('\n')
      .filter((line) => line.startsWith('ii'))
      .map((line) => line.slice(3).trim()),
  );
}

function run(command, args, { cwd, mayFail } = {}) {
  const result = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...environmentFor('fetch'), LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (result.error !== undefined) throw new Error(`${command} did not run: ${result.error.message}.`);
  if (result.status !== 0 && mayFail !== true)
    throw new Error(`${command} failed: ${lastLines(result.stderr)}`);
  return result;
}

function tryOut(file) {
  const { stderr, error } = spawnSync(file, ['--version'], {
    encoding: 'utf8',
    env: environmentFor('program'),
    timeout: 10_000,
  });
  return error?.message ?? lastLines(stderr ?? '');
}

/** An apt source's address may hold a password. */
function lastLines(text) {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines
    .slice(-4)
    .join(' ')
    .replace(/:\/\/[^/\s@]*@/g, '://');
}

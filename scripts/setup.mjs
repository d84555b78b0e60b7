// Brings a fresh clone to where it works: packages, and a redis-server. Plain Node, since it runs before `npm ci`.
// Quiet when nothing is to do; safe to run twice at the same time.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { environmentFor } from './setup/child-env.mjs';
import { withLock } from './setup/lock.mjs';
import { ownFolder } from './setup/own-folder.mjs';
import { isInstalled, lockDigest, nodeComplaint } from './setup/packages.mjs';
import { findRedis, helpCommand, hostTools, unpackRedis } from './setup/redis-server.mjs';

class SetupError extends Error {}

/** @param {string} root the project's folder */
export function setup(root) {
  const complaint = nodeComplaint(process.versions.node, readJson(join(root, 'package.json')).engines.node);
  if (complaint !== undefined) throw new SetupError(complaint);
  if (packagesAreDue(root)) withLock(join(root, '.shotlist'), 'setup', () => installPackages(root));
  if (findRedis(root) === undefined) withLock(join(root, '.shotlist'), 'setup', () => provideRedis(root));
}

function host() {
  return {
    platform: process.platform,
    arch: process.arch,
    libc: existsSync('/etc/alpine-release') ? 'musl' : 'glibc',
  };
}

const stampPath = (root) => join(root, 'node_modules/.shotlist-setup');

function packagesAreDue(root) {
  const lock = readFileSync(join(root, 'package-lock.json'), 'utf8');
  const digest = lockDigest(lock, host());
  try {
    if (readFileSync(stampPath(root), 'utf8') === digest) return false;
  } catch {
    // No stamp: someone else's `npm ci`, or none at all.
  }
  // npm writes this file last, so that a killed install is not taken for a whole one.
  const installed = readJson(join(root, 'node_modules/.package-lock.json'));
  if (installed === undefined || !isInstalled(JSON.parse(lock), installed, host())) return true;
  stamp(root, digest);
  return false;
}

function stamp(root, digest) {
  try {
    writeFileSync(stampPath(root), digest);
  } catch (error) {
    if (!['EACCES', 'EROFS', 'EPERM'].includes(error.code)) throw error;
    // Somebody else's folder, ready to use: the next run looks again, that is all.
  }
}

function installPackages(root) {
  if (!packagesAreDue(root)) return; // another setup did it while this one waited
  say('Installing the packages of package-lock.json (npm ci) …');
  // Development packages too, whatever NODE_ENV says: the build needs the compiler.
  const args = ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status, error } = spawnSync('npm', args, {
    cwd: root,
    env: environmentFor('fetch'),
    stdio: ['ignore', 2, 2],
  });
  if (error !== undefined)
    throw new SetupError(`npm did not start (${error.message}); it comes with Node, see nodejs.org.`);
  if (status !== 0)
    throw new SetupError('npm ci failed, see above; once that is mended, run `npm run setup` again.');
  stamp(root, lockDigest(readFileSync(join(root, 'package-lock.json'), 'utf8'), host()));
}

function provideRedis(root) {
  if (findRedis(root) !== undefined) return;
  const tools = hostTools();
  if (!tools.includes('apt-get') || !tools.includes('dpkg-deb')) {
    throw new SetupError(
      `There is no redis-server or valkey-server (6.2 or newer) on this machine. ${helpCommand(process.platform, tools)}`,
    );
  }
  say("Unpacking Debian's redis-server into .shotlist/ (no service, no root) …");
  try {
    unpackRedis(root);
  } catch (error) {
    throw new SetupError(`${error.message}\n${helpCommand(process.platform, tools)}`);
  }
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** On stderr: stdout belongs to what runs next. */
function say(line) {
  process.stderr.write(`setup: ${line}\n`);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  try {
    ownFolder(join(root, '.shotlist'));
    setup(root);
  } catch (error) {
    const known = error instanceof SetupError || typeof error.code === 'string';
    say(known ? error.message : error.stack);
    process.exitCode = 1;
  }
}

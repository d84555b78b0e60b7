// One setup at a time in one folder.

import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ownFolder } from './own-folder.mjs';

const POLL_MS = 200;

/** Runs `work` while holding `<folder>/<name>.lock`; waits for a living holder, and takes over from a dead one. */
export function withLock(folder, name, work) {
  ownFolder(folder);
  const path = join(folder, `${name}.lock`);
  const mine = `${process.pid} ${randomBytes(8).toString('hex')}\n`;
  let said = false;
  while (!create(path, mine)) {
    const holder = read(path);
    if (holder === undefined) continue; // just released
    const pid = Number.parseInt(holder, 10);
    if (!isAlive(pid)) {
      removeIfStill(path, holder);
      continue;
    }
    if (!said) process.stderr.write(`setup: waiting for another setup in this folder (process ${pid}) …\n`);
    said = true;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, POLL_MS);
  }
  try {
    return work();
  } finally {
    rmSync(path, { force: true });
  }
}

/** Linking makes the file and its content appear together, or not at all. */
function create(path, text) {
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  writeFileSync(draft, text, { mode: 0o600 });
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Two may see the same dead holder: what was moved aside is looked at, and put back if it is somebody living. */
function removeIfStill(path, holder) {
  const aside = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (error.code === 'ENOENT') return;
    throw error;
  }
  const moved = read(aside);
  if (moved !== undefined && moved !== holder) create(path, moved);
  rmSync(aside, { force: true });
}

function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function isAlive(pid) {
  if (!(pid > 0)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

import { createHash } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { errorCodes } from '../../shared/base/errors.ts';

const PREFIX = 'shotlist-plan-';
/** Of another machine or an earlier release nothing tells whether its process lives: no plan takes so long. */
const OLD_MS = 7 * 24 * 3_600_000;

/** Begins the name of a spool folder: machine and process, so that what a dead process left is told from the rest. */
export function spoolPrefix(pid = process.pid): string {
  return `${PREFIX}${machine()}-${pid}-`;
}

/** Removes the spool folders of dead processes: they hold prompts. A folder that cannot be removed is left. */
export async function sweepSpools(parent: string, nowMs = Date.now()): Promise<void> {
  const names = await readdir(parent).catch(() => []);
  for (const name of names) {
    if (!name.startsWith(PREFIX)) continue;
    const path = join(parent, name);
    const modifiedMs = (await stat(path).catch(() => undefined))?.mtimeMs ?? nowMs;
    if (nowMs - modifiedMs > OLD_MS || isOfDead(name, modifiedMs)) {
      // Another process may remove it at the same time, or it belongs to another user.
      await rm(path, { recursive: true, force: true }).catch(() => undefined);
    }
  }
}

function isOfDead(name: string, modifiedMs: number): boolean {
  const pid = Number(new RegExp(`^${PREFIX}${machine()}-(\\d{1,10})-`).exec(name)?.[1]);
  if (!Number.isInteger(pid) || pid < 1) return false;
  // In a container every first process has the same number.
  if (pid === process.pid) return modifiedMs < Date.now() - process.uptime() * 1_000;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return errorCodes(error).includes('ESRCH');
  }
}

function machine(): string {
  return createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
}

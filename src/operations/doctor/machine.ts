import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Config } from '../../shared/base/config.ts';
import { formatUsd } from '../../shared/base/money.ts';
import type { Clock } from '../../shared/base/time.ts';
import { loadRecipes } from '../../shared/pictures/recipes.ts';
import { type Check, type Finding, fault, ok, warning } from './check.ts';

export interface MachineChecksDeps {
  /** `process.version`. */
  readonly nodeVersion: string;
  readonly recipesFolder: string;
  readonly caps: Config['caps'];
  /** Of the folder store; undefined where pictures go to S3. */
  readonly folder: string | undefined;
  readonly clock: Clock;
}

export function machineChecks(deps: MachineChecksDeps): readonly Check[] {
  const { nodeVersion, recipesFolder, caps, folder, clock } = deps;
  return [
    {
      name: 'node',
      whenFailed: 'warning',
      mend: 'Install Node 24.',
      look: async () => lookAtNode(nodeVersion, clock()),
    },
    {
      name: 'recipes',
      whenFailed: 'fault',
      mend: 'Mend that recipe.',
      async look() {
        const { size } = await loadRecipes(recipesFolder);
        return ok(`The ${size} recipes can be used.`);
      },
    },
    {
      name: 'caps',
      whenFailed: 'warning',
      mend: 'Correct DAILY_CAP_USD and MONTHLY_CAP_USD.',
      look: async () => lookAtCaps(caps),
    },
    {
      name: 'disk',
      whenFailed: 'warning',
      mend: 'Look whether the folder is there, and its disk in order.',
      async look() {
        if (folder === undefined) return ok('Pictures go to S3, not to this disk.');
        const { bavail, bsize } = await statfs(there(folder));
        return lookAtDisk(bavail * bsize);
      },
    },
  ];
}

/** Before its first use the store's folder is not there yet; its parent is on the same disk. */
function there(folder: string): string {
  return existsSync(folder) || dirname(folder) === folder ? folder : there(dirname(folder));
}

/** The last days of the long-term lines (nodejs.org, release schedule). */
const NODE_ENDS: Readonly<Record<number, string>> = { 20: '2026-04-30', 22: '2027-04-30', 24: '2028-04-30' };
const OLDEST_NODE = 20;
const NEWEST_NODE = 24;

export function lookAtNode(version: string, nowMs: number): Finding {
  const major = Number(/^v?(\d+)\./.exec(version)?.[1] ?? Number.NaN);
  if (!(major >= OLDEST_NODE)) return fault(`Node ${version} is too old.`, `Install Node ${NEWEST_NODE}.`);
  const end = NODE_ENDS[major];
  if (end === undefined && major < NEWEST_NODE) {
    return warning(`Node ${version} is of a line without long-term support.`, `Install Node ${NEWEST_NODE}.`);
  }
  if (end !== undefined && Date.parse(`${end}T24:00:00Z`) <= nowMs) {
    return warning(
      `Node ${version} is past its end of life (${end}): it gets no security fixes.`,
      `Install Node ${NEWEST_NODE}.`,
    );
  }
  return ok(`Node is ${version}.`);
}

/** For information: a cap is a choice. */
export function lookAtCaps({ daily, monthly }: Config['caps']): Finding {
  const set = [
    ...(daily === undefined ? [] : [`${formatUsd(daily)} a day`]),
    ...(monthly === undefined ? [] : [`${formatUsd(monthly)} a month`]),
  ];
  if (set.length > 0) return ok(`Never more than ${set.join(' and ')} is spent.`);
  return ok(
    'Neither DAILY_CAP_USD nor MONTHLY_CAP_USD is set: only the cap of a batch limits what is spent.',
  );
}

const GIGABYTE = 1_073_741_824;

export function lookAtDisk(freeBytes: number): Finding {
  const text = `The disk of the store has ${(freeBytes / GIGABYTE).toFixed(1)} GB free.`;
  const mend = 'Make room: a picture with its renditions takes about 2 MB.';
  if (freeBytes < GIGABYTE / 10) return fault(text, mend);
  return freeBytes < 2 * GIGABYTE ? warning(text, mend) : ok(text);
}

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { environmentFor } from '../shared/base/child-env.ts';

const NAMES = ['redis-server', 'valkey-server'] as const;
/** Homebrew's folders: a shell that was not set up for it, or an editor, has them not on the PATH. */
const MORE_FOLDERS = ['/opt/homebrew/bin', '/usr/local/bin'] as const;
const OLDEST = { major: 6, minor: 2 } as const;

/**
 * The command that starts a Redis or Valkey of 6.2 or newer: on the PATH, else in Homebrew's folders, else the one
 * that `npm run setup` unpacked into `.shotlist/` (a launcher that knows its libraries). undefined: there is none.
 * `scripts/setup/redis-server.mjs` looks in the same places; it runs before there is anything to import.
 */
export function findRedisServer({ root }: { readonly root: string }): string | undefined {
  const candidates = [
    ...NAMES,
    ...MORE_FOLDERS.flatMap((folder) => NAMES.map((name) => join(folder, name))),
    join(root, '.shotlist', 'redis-server', 'redis-server'),
  ];
  return candidates.find((command) => isNewEnough(versionText(command)));
}

function versionText(command: string): string {
  try {
    return execFileSync(command, ['--version'], {
      encoding: 'utf8',
      env: environmentFor('program'),
      timeout: 10_000,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return ''; // not there, or it does not run on this machine: the next candidate may
  }
}

/** `Redis server v=7.0.15 sha=…`, `Valkey server v=8.0.1 …` */
function isNewEnough(text: string): boolean {
  const match = /\bv=(\d+)\.(\d+)/.exec(text);
  const [major, minor] = [Number(match?.[1] ?? 0), Number(match?.[2] ?? 0)];
  return major > OLDEST.major || (major === OLDEST.major && minor >= OLDEST.minor);
}

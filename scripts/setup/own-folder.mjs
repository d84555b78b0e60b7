import { chmodSync, lstatSync, mkdirSync } from 'node:fs';

/** Creates `.shotlist`, which holds prompts and keys, for this user alone; closes one of this user's that is open. */
export function ownFolder(folder) {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const found = lstatSync(folder);
  if (!found.isDirectory() || found.uid !== process.getuid?.()) return;
  if ((found.mode & 0o077) !== 0) chmodSync(folder, 0o700);
}

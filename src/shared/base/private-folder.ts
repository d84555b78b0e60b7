import { chmod, lstat, mkdir } from 'node:fs/promises';

/** What we write on the user's machine holds prompts, keys and bills: readable by this user alone. */
export const PRIVATE = { folder: 0o700, file: 0o600 } as const;

/**
 * Creates a folder that only this user may enter. Closes one that is there, as earlier versions made it with the
 * user's umask. A link, and a folder of another user, stay as they are: somebody chose those rights.
 */
export async function privateFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: PRIVATE.folder });
  const found = await lstat(path);
  if (!found.isDirectory() || found.uid !== process.getuid?.()) return;
  if ((found.mode & 0o077) !== 0) await chmod(path, PRIVATE.folder);
}

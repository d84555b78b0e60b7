import { lstat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { errorCodes, UserError } from '../../base/errors.ts';

/**
 * Rejects with a `UserError` (`store_unfit`) where `path`, or a folder between it and `root`, is a symbolic link: the
 * store would read and write outside of its folder. The root itself may be one. It guards against links that lie there
 * (an unpacked archive, a folder moved to another disk), not against a process of this user that plants one meanwhile.
 */
export async function refuseLinks(root: string, path: string): Promise<void> {
  const steps = relative(root, path).split(sep);
  const paths = steps.map((_, at) => join(root, ...steps.slice(0, at + 1)));
  const links = await Promise.all(paths.map(isLink));
  const link = paths[links.indexOf(true)];
  if (link !== undefined) throw linkFault(link);
}

export function linkFault(link: string): UserError {
  return new UserError(
    'store_unfit',
    `${link} is a symbolic link, and the store follows none below its folder: put the folder itself in its place.`,
  );
}

async function isLink(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isSymbolicLink();
  } catch (error) {
    // What is not there is no link. A file in the place of a folder is told by the step that follows.
    if (errorCodes(error).some((code) => code === 'ENOENT' || code === 'ENOTDIR')) return false;
    throw error;
  }
}

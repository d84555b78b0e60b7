import type { Config } from '../shared/base/config.ts';
import { UserError } from '../shared/base/errors.ts';
import type { Stack } from './connections.ts';

/**
 * A Redis that was brought along runs for as long as this command: nobody else would make the pictures. Throws a
 * `UserError` where that takes a key and there is none.
 */
export function worksHere(
  { lost }: Stack,
  { fal }: Config,
  { simulate }: { readonly simulate?: boolean },
): boolean {
  if (lost === undefined) return false;
  if (fal.key !== undefined || simulate === true) return true;
  throw new UserError('no_key', 'Set FAL_KEY to make the pictures for real.');
}

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

/** No shipped model takes images yet; a file of one would be read from here. */
export async function hashOfImage(address: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(address))
    .digest('hex');
}

import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of package.json: two above this file, in `src/local/` and in `dist/local/` alike. */
export function projectRoot(): string {
  return dirname(dirname(dirname(fileURLToPath(import.meta.url))));
}

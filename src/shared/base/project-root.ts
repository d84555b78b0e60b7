import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of package.json: three above this one, in `src/shared/base/` and in `dist/shared/base/` alike. */
export function projectRoot(): string {
  return dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
}

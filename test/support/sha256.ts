import { createHash } from 'node:crypto';
import type { StoredObject } from '../../src/shared/store/object-store.ts';

/** Of an object's bytes, in hex; undefined where there is no object. */
export function sha256Of(object: StoredObject | undefined): string | undefined {
  return object === undefined ? undefined : createHash('sha256').update(object.body).digest('hex');
}

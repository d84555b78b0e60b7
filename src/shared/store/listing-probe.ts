import { UserError } from '../base/errors.ts';
import { optional } from '../base/time.ts';
import { PROBES } from './create-once.ts';
import type { ObjectStore } from './object-store.ts';

/** The same for ever, so that they are written once and leave no litter. */
const KEYS = Array.from({ length: 9 }, (_, at) => `${PROBES}list/${at}.txt`);
const BODY = Buffer.from('Shotlist wrote this to see that a listing in several pages shows every object.\n');
/** So that they take three pages. */
const PAGE_SIZE = 3;

/**
 * Proves that a listing shows every object, over several pages: what it leaves out would be paid for again. Costs three
 * listings once the probes are there. Rejects with a `UserError` (`store_unfit`) if it leaves one out.
 */
export async function assertListsAll(store: ObjectStore, signal?: AbortSignal): Promise<void> {
  const missing = await missingIn(store, signal);
  if (missing.length === 0) return;
  // Of a store that was never looked at; in any other these answer that they exist.
  for (const key of missing)
    await store.putOnce(key, BODY, { contentType: 'text/plain', ...optional(signal) });
  const seen = KEYS.length - (await missingIn(store, signal)).length;
  if (seen === KEYS.length) return;
  throw new UserError(
    'store_unfit',
    `${store.location} shows ${seen} of ${KEYS.length} objects when they are listed ${PAGE_SIZE} at a time, so that a picture could be paid for twice: use a store whose listings are whole, and look for a proxy or a cache in front of it.`,
  );
}

async function missingIn(store: ObjectStore, signal: AbortSignal | undefined): Promise<readonly string[]> {
  const missing = new Set(KEYS);
  for await (const { key } of store.list(`${PROBES}list/`, { pageSize: PAGE_SIZE, ...optional(signal) }))
    missing.delete(key);
  return [...missing];
}

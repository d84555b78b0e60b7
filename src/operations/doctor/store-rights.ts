import { UserError } from '../../shared/base/errors.ts';
import { optional } from '../../shared/base/time.ts';
import { PROBES } from '../../shared/store/create-once.ts';
import type { ObjectStore } from '../../shared/store/object-store.ts';

/** Written over by each look, so that its time is now; the bytes are always the same. */
export const RIGHTS = {
  key: `${PROBES}rights.txt`,
  body: Buffer.from('Shotlist wrote this to see that it may write, read and list here.\n'),
  contentType: 'text/plain',
} as const;

/**
 * Does once what the work does with the store: lists it, overwrites an object and reads it back. Rejects with the
 * sentence of what does not work. Who checks a new store asks for create-once, too (`assertCreateOnce`).
 */
export async function assertStoreRights(store: ObjectStore, signal?: AbortSignal): Promise<void> {
  await named('list', () => store.check(signal));
  const { key, body, contentType } = RIGHTS;
  await named('write to', () => store.put(key, body, { contentType, ...optional(signal) }));
  const stored = await named('read from', () => store.get(key, signal));
  if (stored?.body.equals(body) === true) return;
  throw new UserError(
    'store_unfit',
    `What was just written to the store is read back as ${stored === undefined ? 'missing' : 'other bytes'}: use a store that shows a write at once.`,
  );
}

/** The store's own sentence names all rights; this one names the one that is missing. */
async function named<T>(action: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof UserError) || error.code !== 'store_denied') throw error;
    throw new UserError('store_denied', `The credentials may not ${action} the store: ${error.message}`, {
      cause: error,
    });
  }
}

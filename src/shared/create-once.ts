import { UserError } from './errors.ts';
import { JOURNAL } from './keys.ts';
import type { ObjectStore } from './object-store.ts';

/** One key for all probes of all time, so that they leave one tiny object and no litter. */
const PROBE_KEY = `${JOURNAL}probe/create-once.txt`;

/**
 * Proves that a second create-once write of a key fails: the promise on which "paid once" rests. A store that ignores
 * the condition overwrites in silence, so it must be asked before money is spent. Rejects with a `UserError` where the
 * promise is not kept.
 */
export async function assertCreateOnce(store: ObjectStore, signal?: AbortSignal): Promise<void> {
  const body = Buffer.from('Shotlist wrote this to see that a second write of it is refused.\n');
  const write = () =>
    store.putOnce(PROBE_KEY, body, {
      contentType: 'text/plain',
      ...(signal === undefined ? {} : { signal }),
    });
  // The first may say either: an earlier probe wrote it.
  await write();
  if ((await write()) === 'exists') return;
  throw new UserError(
    'store_unfit',
    `${store.location} overwrites objects that must be written once (it ignores "If-None-Match: *"), so that a picture could be paid for twice: use a store that honours it, such as AWS S3, MinIO, Ceph or Cloudflare R2.`,
  );
}

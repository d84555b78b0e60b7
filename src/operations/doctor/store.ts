import { skewMs, skewText, timed } from '../../shared/base/clocks.ts';
import { UserError } from '../../shared/base/errors.ts';
import type { Clock } from '../../shared/base/time.ts';
import { assertCreateOnce, PROBES, raceCreateOnce } from '../../shared/store/create-once.ts';
import { assertListsAll } from '../../shared/store/listing-probe.ts';
import type { ListedObject, ObjectStore } from '../../shared/store/object-store.ts';
import { type Check, type Finding, fault, NotLookedAt, needed, ok, once, warning } from './check.ts';
import { RIGHTS } from './store-rights.ts';

export interface StoreChecksDeps {
  readonly open: () => Promise<ObjectStore>;
  readonly clock: Clock;
  /** Names the race's key: nobody may have written it before. */
  readonly raceName: () => string;
}

const WRITERS = 16;
/** Faults of one right or one promise, while the rest of the store may be well. */
const OWN_FAULTS = new Set(['store_denied', 'store_unfit']);

export function storeChecks({ open, clock, raceName }: StoreChecksDeps): readonly Check[] {
  const store = once(async () => await open());
  const reached = once(async (signal) => {
    const opened = await store(signal);
    await opened.check(signal);
    return opened;
  });
  const opened = async (signal: AbortSignal) => await needed(store(signal), 'the store could not be opened');
  const written = once(async (signal) => {
    const to = await opened(signal);
    return await timed(clock, () =>
      to.put(RIGHTS.key, RIGHTS.body, { contentType: RIGHTS.contentType, signal }),
    );
  });
  const listed = once(async (signal) => await entryOf(await opened(signal), signal));
  /** What is wrong with the store as a whole is told by its own check alone. */
  const onReached =
    (look: Check['look']): Check['look'] =>
    async (signal) => {
      try {
        return await look(signal);
      } catch (error) {
        const own = error instanceof UserError && OWN_FAULTS.has(error.code);
        if (!own) await needed(reached(signal), 'the store cannot be used');
        throw error;
      }
    };
  const right = (
    name: string,
    { action, grant }: { action: string; grant: string },
    look: Check['look'],
  ): Check => ({
    name,
    whenFailed: 'fault',
    mend: `Give the credentials ${grant} there.`,
    async look(signal) {
      try {
        return await onReached(look)(signal);
      } catch (error) {
        if (!(error instanceof UserError) || error.code !== 'store_denied') throw error;
        const { location } = await opened(signal);
        return fault(`The credentials may not ${action} ${location}.`, `Give them ${grant} there.`);
      }
    },
  });

  return [
    {
      name: 'store',
      whenFailed: 'fault',
      mend: 'Mend S3_BUCKET, S3_ENDPOINT, S3_REGION or the credentials.',
      look: async (signal) => ok(`The store answers: ${(await reached(signal)).location}.`),
    },
    right('store-put', { action: 'write to', grant: 's3:PutObject' }, async (signal) => {
      await written(signal);
      return ok('Objects may be written.');
    }),
    right('store-get', { action: 'read from', grant: 's3:GetObject' }, async (signal) => {
      await needed(written(signal), 'nothing could be written that would be read back');
      const stored = await (await opened(signal)).get(RIGHTS.key, signal);
      if (stored?.body.equals(RIGHTS.body) === true) return ok('What was written can be read back.');
      return fault(
        `${RIGHTS.key} was written, and read back as ${stored === undefined ? 'missing' : 'other bytes'}.`,
        'Use a store that shows a write at once, and check for a cache in front of it.',
      );
    }),
    right('store-list', { action: 'list', grant: 's3:ListBucket' }, async (signal) => {
      const entry = await listed(signal);
      await needed(written(signal), 'nothing could be written that would be listed');
      // The first listing may have run before the first write of all.
      if (entry === undefined && (await entryOf(await opened(signal), signal)) === undefined) {
        return fault(
          `${RIGHTS.key} was written, and a listing does not show it.`,
          'Use a store whose listings show a write at once.',
        );
      }
      await assertListsAll(await opened(signal), signal);
      return ok('Objects may be listed, and a listing in several pages shows every one.');
    }),
    {
      name: 'store-create-once',
      whenFailed: 'fault',
      mend: 'Use a store that honours "If-None-Match: *", such as AWS S3, MinIO, Ceph or Cloudflare R2.',
      look: onReached(async (signal) => {
        try {
          return await createOnce(await opened(signal), `${PROBES}${raceName()}`, signal);
        } catch (error) {
          if (!(error instanceof UserError) || error.code !== 'store_denied') throw error;
          throw new NotLookedAt('the credentials may not write and read');
        }
      }),
    },
    {
      name: 'store-clock',
      whenFailed: 'warning',
      mend: 'Set the clock of this machine (NTP).',
      async look(signal) {
        const why = 'nothing could be written and listed, which tells the time';
        const { beforeMs, afterMs } = await needed(written(signal), why);
        const entry = await needed(entryOf(await opened(signal), signal), why);
        if (entry === undefined) throw new NotLookedAt(why);
        return storeClock(skewMs({ theirsMs: entry.lastModifiedMs, beforeMs, afterMs }));
      },
    },
  ];
}

async function entryOf(store: ObjectStore, signal: AbortSignal): Promise<ListedObject | undefined> {
  for await (const object of store.list(RIGHTS.key, { signal })) {
    if (object.key === RIGHTS.key) return object;
  }
  return undefined;
}

async function createOnce(store: ObjectStore, key: string, signal: AbortSignal): Promise<Finding> {
  await assertCreateOnce(store, signal);
  if ((await raceCreateOnce(store, { key, writers: WRITERS, signal })) === 'kept') {
    return ok(`An object is created once: of ${WRITERS} writers at once, one won.`);
  }
  return warning(
    `None of ${WRITERS} writers at once was told that it had created the object; an answer may have been lost.`,
    'Run the doctor again.',
  );
}

const STORE_SKEW_MS = 120_000;
/** What S3 itself refuses. */
const STORE_REFUSES_MS = 900_000;

export function storeClock(ms: number): Finding {
  if (Math.abs(ms) < STORE_SKEW_MS) return ok("This machine's clock and the store's agree.");
  const text = `The store's clock is ${skewText(ms)} this machine's.`;
  const mend = 'Set the clock of this machine (NTP).';
  return Math.abs(ms) < STORE_REFUSES_MS
    ? warning(text, mend)
    : fault(`${text} S3 refuses requests beyond 15 min.`, mend);
}

import type { Shop } from '../operations/services.ts';
import type { Config } from '../shared/base/config.ts';
import { Closers } from '../shared/base/disposables.ts';
import { UserError } from '../shared/base/errors.ts';
import type { Logger } from '../shared/base/log.ts';
import { dayOf, systemClock } from '../shared/base/time.ts';
import { Journal } from '../shared/journal/journal.ts';
import { Queues } from '../shared/queues/queues.ts';
import { Attendance } from '../shared/redis/presence.ts';
import { type OnDemoted, openRedis } from '../shared/redis/redis.ts';
import { Waits } from '../shared/redis/waits.ts';
import { Batches } from '../shared/requests/batches.ts';
import { DuePictures } from '../shared/requests/due-pictures.ts';
import { EndpointStops } from '../shared/requests/endpoint-stops.ts';
import { MissingPictures } from '../shared/requests/missing-pictures.ts';
import { Records } from '../shared/requests/records.ts';
import { RedisMemory } from '../shared/requests/redis-continuity.ts';
import { reportOnce } from '../shared/store/own-keys.ts';
import { storeWhenAsked } from '../shared/store/when-asked.ts';
import { locationOf, openStore, type Stack } from './connections.ts';

export interface OpenOptions {
  /** Who works lets a step wait for the end of a failover; a command is told (default), since its address may be wrong. */
  readonly onDemoted?: OnDemoted;
  /** `when-asked`: opened and checked by the first call. Default: `at-once`. */
  readonly store?: 'at-once' | 'when-asked';
}

/**
 * What most commands never do is loaded when it is done. Rejects with a `UserError` when Redis or the store does not answer. Whoever opens it disposes of it.
 */
export async function openShop(
  stack: Stack,
  config: Config,
  log: Logger,
  { onDemoted = 'tell', store: opening = 'at-once' }: OpenOptions = {},
): Promise<Shop> {
  const { prefix, redisUrl: url } = stack;
  if (url === undefined) throw new UserError('not_configured', 'Set REDIS_URL.');
  const opened = new Closers();
  try {
    const open = async () => await openStore(stack.store, log);
    const store = opened.use(
      opening === 'at-once' ? await open() : storeWhenAsked(locationOf(stack.store), open),
    );
    if (opening === 'at-once') await store.check();
    const redis = await openRedis(url, { onDemoted });
    opened.defer(() => redis.disconnect());
    const queues = opened.use(new Queues({ url, prefix }));
    const odd = reportOnce((key) => log.warn({ key }, 'not an object of ours; it counts for nothing'));
    const journal = new Journal({ store, odd });
    const batches = new Batches({ redis, prefix, clock: systemClock });
    const endpointStops = new EndpointStops({ redis, prefix });
    const ttlH = config.recordTtlH;
    const memory = new RedisMemory({
      redis,
      prefix,
      journal,
      async hasUnfinished(signal) {
        const { hasUnfinished } = await import('../shared/journal/traces.ts');
        return await hasUnfinished(store, signal);
      },
      async restoreSpent(signal = new AbortController().signal) {
        const [{ restoreSpent, sumSpent }, { settleRestored }] = await Promise.all([
          import('../shared/ledger/spent.ts'),
          import('../shared/ledger/settle-restored.ts'),
        ]);
        const month = `${dayOf(systemClock()).slice(0, 7)}-01`;
        await restoreSpent({ redis, prefix }, await sumSpent(journal.listLedger({ from: month }, signal)));
        await settleRestored({ redis, prefix, store, journal, records }, signal);
      },
      clock: systemClock,
    });
    const { caps, stopAfterFailures } = config;
    const records = new Records({ redis, prefix, clock: systemClock, ttlH, memory, caps, stopAfterFailures });
    const follow = queues.addEnding.bind(queues);
    const attendance = new Attendance({ redis, prefix });
    const waits = new Waits({ redis, prefix });
    const close = () => opened[Symbol.asyncDispose]();
    return {
      redis,
      store,
      journal,
      queues,
      batches,
      endpointStops,
      records,
      due: new DuePictures({ redis, prefix }),
      missing: new MissingPictures({ redis, prefix }),
      memory,
      attendance,
      waits,
      async ended(batch) {
        const { createEnded } = await import('../shared/status/ended.ts');
        await createEnded({ batches, journal, follow, ttlH, clock: systemClock, log })(batch);
      },
      async held(batch) {
        const { createHeld } = await import('../shared/status/held.ts');
        await createHeld({ batches, journal, follow, log })(batch);
      },
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await opened[Symbol.asyncDispose]();
    throw error;
  }
}

import type { Shop } from '../operations/services.ts';
import type { Config } from '../shared/base/config.ts';
import { Closers } from '../shared/base/disposables.ts';
import { UserError } from '../shared/base/errors.ts';
import type { Logger } from '../shared/base/log.ts';
import { dayOf, systemClock } from '../shared/base/time.ts';
import { Journal } from '../shared/journal/journal.ts';
import { hasUnfinished } from '../shared/journal/traces.ts';
import { settleRestored } from '../shared/ledger/settle-restored.ts';
import { restoreSpent, sumSpent } from '../shared/ledger/spent.ts';
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
import { createEnded } from '../shared/status/ended.ts';
import { createHeld } from '../shared/status/held.ts';
import { reportOnce } from '../shared/store/own-keys.ts';
import { openStore, type Stack } from './connections.ts';

/**
 * Rejects with a `UserError` when Redis or the store does not answer. Whoever opens it disposes of it. `onDemoted`: who
 * works lets a step wait for the end of a failover; a command is told, since its address may be wrong.
 */
export async function openShop(
  stack: Stack,
  config: Config,
  log: Logger,
  onDemoted: OnDemoted = 'tell',
): Promise<Shop> {
  const { prefix, redisUrl: url } = stack;
  if (url === undefined) throw new UserError('not_configured', 'Set REDIS_URL.');
  const opened = new Closers();
  try {
    const store = opened.use(await openStore(stack.store, log));
    await store.check();
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
      hasUnfinished: (signal) => hasUnfinished(store, signal),
      async restoreSpent(signal = new AbortController().signal) {
        const month = `${dayOf(systemClock()).slice(0, 7)}-01`;
        await restoreSpent({ redis, prefix }, await sumSpent(journal.listLedger({ from: month }, signal)));
        await settleRestored({ redis, prefix, store, journal, records }, signal);
      },
      clock: systemClock,
    });
    const { caps, stopAfterFailures } = config;
    const records = new Records({ redis, prefix, clock: systemClock, ttlH, memory, caps, stopAfterFailures });
    const follow = queues.addEnding.bind(queues);
    const held = createHeld({ batches, journal, follow, log });
    const ended = createEnded({
      batches,
      journal,
      follow,
      ttlH,
      clock: systemClock,
      log,
    });
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
      ended,
      held,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await opened[Symbol.asyncDispose]();
    throw error;
  }
}

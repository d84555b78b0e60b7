import { rebuildDepsOf } from '../../src/cli/rebuild-command.ts';
import { type Rebuilt, rebuildAll } from '../../src/shared/rebuild/rebuild.ts';
import type { TestRedis } from './redis.ts';
import type { Workshop } from './workshop.ts';

/** What `FLUSHALL` does, to this test's share of Redis. */
export async function flush({ client, prefix }: TestRedis): Promise<void> {
  const keys = await client.keys(`${prefix}:*`);
  if (keys.length > 0) await client.del(keys);
}

/** Every key of this test's share as it is now; `restore` puts Redis back to it, as a failover that lost writes does. */
export async function snapshot({ client, prefix }: TestRedis): Promise<{ restore(): Promise<void> }> {
  const keys = await client.keys(`${prefix}:*`);
  const kept: [string, Buffer, number][] = [];
  for (const key of keys) {
    const [dump, ttlMs] = await Promise.all([client.dumpBuffer(key), client.pttl(key)]);
    if (dump !== null) kept.push([key, dump, Math.max(0, ttlMs)]);
  }
  return {
    async restore() {
      const now = await client.keys(`${prefix}:*`);
      const step = client.multi();
      if (now.length > 0) step.del(now);
      for (const [key, dump, ttlMs] of kept) step.restore(key, ttlMs, dump, 'REPLACE');
      await step.exec();
    },
  };
}

export async function rebuild({ shop, redis, config }: Workshop): Promise<Rebuilt> {
  const deps = rebuildDepsOf(shop, { prefix: redis.prefix, ttlH: config.recordTtlH }, () => undefined);
  return await rebuildAll(deps, AbortSignal.timeout(20_000));
}

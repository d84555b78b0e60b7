import { rebuildDepsOf } from '../../src/cli/commands/rebuild.ts';
import { type Rebuilt, rebuildAll } from '../../src/operations/rebuild/rebuild.ts';
import type { Restore } from '../../src/shared/requests/restore.ts';
import { replaced } from '../chaos/points.ts';
import type { TestRedis } from './redis.ts';
import type { Workshop } from './workshop.ts';

/** What `FLUSHALL` does, to this test's share of Redis. */
export async function flush({ client, prefix }: TestRedis): Promise<void> {
  // In one step, as Redis forgets: workers write all the time, and what came in between would be left over.
  await client.eval(FLUSH, 0, `${prefix}:*`);
}

const FLUSH = "for _, key in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('DEL', key) end";

/** Every key of this test's share as it is now; `restore` puts Redis back to it, as a failover that lost writes does. */
export async function snapshot({ client, prefix }: TestRedis): Promise<{ restore(): Promise<void> }> {
  // In one step, too: no Redis ever was what it holds at several times.
  const flat = await client.callBuffer('EVAL', SNAPSHOT, 0, `${prefix}:*`);
  // What the script answers: key, dump and time to live, one after the other.
  const kept = flat as readonly Buffer[];
  return {
    async restore() {
      const step = client.multi().eval(FLUSH, 0, `${prefix}:*`);
      for (let at = 0; at < kept.length; at += 3) {
        const [key = '', dump = '', ttlMs] = kept.slice(at, at + 3);
        step.restore(key, Number(ttlMs), dump, 'REPLACE');
      }
      await step.exec();
    },
  };
}

const SNAPSHOT = `
local out = {}
for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
  out[#out + 1] = key
  out[#out + 1] = redis.call('DUMP', key)
  out[#out + 1] = tostring(math.max(0, redis.call('PTTL', key)))
end
return out
`;

/** `before`: what happens right before a step of it. */
export async function rebuild(
  { shop, redis, config }: Workshop,
  before: Partial<Record<keyof Restore, () => Promise<void>>> = {},
): Promise<Rebuilt> {
  const plain = rebuildDepsOf(shop, { prefix: redis.prefix, ttlH: config.recordTtlH }, () => undefined);
  const restore = replaced(plain.restore, async (step, _args, call) => {
    // Only the steps of a rebuild are methods of it.
    await before[step as keyof Restore]?.();
    return await call();
  });
  const deps = { ...plain, restore };
  return await rebuildAll(deps, AbortSignal.timeout(20_000));
}

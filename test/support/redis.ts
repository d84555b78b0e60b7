import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';

/** One test's share of the run's Redis. */
export interface TestRedis extends AsyncDisposable {
  readonly url: string;
  /** `{t-…}`: start of every key of this test; the braces keep them in one slot, as in production. */
  readonly prefix: string;
  readonly client: Redis;
}

/** Deletes every key under its prefix and closes its client at the end of the scope (`await using`). */
export async function testRedis(): Promise<TestRedis> {
  const url = process.env['TEST_REDIS_URL'];
  if (url === undefined)
    throw new Error('TEST_REDIS_URL is set by test/support/global-setup.ts; run tests with jest.');
  const prefix = `{t-${randomBytes(6).toString('hex')}}`;
  const client = new Redis(url, { maxRetriesPerRequest: 1 });
  await client.ping();
  return {
    url,
    prefix,
    client,
    [Symbol.asyncDispose]: async () => {
      await deleteKeys(client, prefix);
      await client.quit();
    },
  };
}

async function deleteKeys(client: Redis, prefix: string): Promise<void> {
  let cursor = '0';
  do {
    const [next, keys] = await client.scan(cursor, 'MATCH', `${prefix}*`, 'COUNT', 1_000);
    if (keys.length > 0) await client.unlink(keys);
    cursor = next;
  } while (cursor !== '0');
}

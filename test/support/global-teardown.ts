import { rm } from 'node:fs/promises';
import { Redis } from 'ioredis';
import { running } from './global-setup.ts';

/** Ends the run's Redis. A key or a connection that a test left behind is an error, and fails the run. */
// biome-ignore lint/style/noDefaultExport: jest takes the default export
export default async function globalTeardown(): Promise<void> {
  const { redis, folder } = running;
  if (redis === undefined || folder === undefined)
    throw new Error('The Redis of this run was never started.');
  try {
    const left = await leftBehind(redis.url);
    if (left !== undefined) throw new Error(left);
  } finally {
    await redis.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function leftBehind(url: string): Promise<string | undefined> {
  const client = new Redis(url);
  try {
    const keys = await client.keys('*');
    // jest's workers have ended by now; their connections are seen to be gone a moment later.
    let clients = await otherClients(client);
    for (const giveUpAt = Date.now() + 2_000; clients.length > 0 && Date.now() < giveUpAt; ) {
      clients = await otherClients(client);
    }
    const faults = [
      ...(keys.length === 0 ? [] : [`keys in Redis: ${countsByPrefix(keys)}`]),
      ...(clients.length === 0 ? [] : [`connections to Redis: ${clients.join('; ')}`]),
    ];
    return faults.length === 0 ? undefined : `Tests left behind ${faults.join(', and ')}.`;
  } finally {
    client.disconnect();
  }
}

async function otherClients(client: Redis): Promise<string[]> {
  const own = `id=${await client.client('ID')} `;
  const list = String(await client.client('LIST'));
  return list.split('\n').filter((line) => line !== '' && !line.startsWith(own));
}

/** `{t-1a2b}: 3`: the prefix leads to the test that made it. */
function countsByPrefix(keys: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const key of keys) {
    const prefix = /^\{[^}]*\}/.exec(key)?.[0] ?? key;
    counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
  }
  return [...counts].map(([prefix, count]) => `${prefix} (${count})`).join(', ');
}

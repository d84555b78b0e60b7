import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FalSimulator } from '../../src/local/fal/simulator.ts';
import type { Env } from './program.ts';
import type { TestRedis } from './redis.ts';

/** What makes the built program take this simulator for fal, and this share of Redis for its own. */
export function realEnv(fal: FalSimulator, redis?: TestRedis): Env {
  return {
    FAL_KEY: fal.key,
    FAL_QUEUE_URL: fal.queueUrl,
    FAL_API_URL: fal.apiUrl,
    FAL_MEDIA_HOSTS: fal.mediaHosts.join(','),
    ...(redis === undefined ? {} : { REDIS_URL: redis.url, REDIS_PREFIX: redis.prefix }),
  };
}

/** A list of cheap shots, one request each. Resolves to its path. */
export async function listOf(folder: string, shots: number, name = 'list.csv'): Promise<string> {
  const rows = Array.from({ length: shots }, (_, at) => `SKU-${at},A plain mug number ${at},low`);
  const path = join(folder, name);
  await writeFile(path, `id,prompt,quality\n${rows.join('\n')}\n`);
  return path;
}

/** How often each input was paid for; a promise kept is a one at each. */
export function timesPaid(fal: FalSimulator): readonly number[] {
  const times = new Map<string, number>();
  for (const { input } of fal.book.charged()) {
    const key = JSON.stringify(input);
    times.set(key, (times.get(key) ?? 0) + 1);
  }
  return [...times.values()];
}

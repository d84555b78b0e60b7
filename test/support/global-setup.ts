import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LocalRedis, startRedis } from '../../src/local/redis.ts';

/** What the teardown ends; jest gives the two no other way to share. */
export const running: { redis?: LocalRedis; folder?: string } = {};

/** One Redis for the whole run, found by the test files through `TEST_REDIS_URL`; each test has its own key prefix. */
// biome-ignore lint/style/noDefaultExport: jest takes the default export
export default async function globalSetup(): Promise<void> {
  running.folder = await mkdtemp(join(tmpdir(), 'shotlist-redis-'));
  running.redis = await startRedis({ folder: running.folder });
  process.env['TEST_REDIS_URL'] = running.redis.url;
}

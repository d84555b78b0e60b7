import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LocalRedis, startRedis } from '../../src/local/redis.ts';

export interface BenchGround extends AsyncDisposable {
  /** A folder of this run's own, removed with all in it at the end of the scope. */
  readonly folder: string;
  /** As the program itself brings it: append-only file, synced always. */
  readonly redis: LocalRedis;
}

export async function benchGround(): Promise<BenchGround> {
  const folder = await mkdtemp(join(tmpdir(), 'shotlist-bench-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const redis = await startRedis({ folder: join(folder, 'redis') });
    return {
      folder,
      redis,
      async [Symbol.asyncDispose]() {
        await redis.stop();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

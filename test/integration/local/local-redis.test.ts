import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { claimGeneration, readGeneration } from '../../../src/local/generation-file.ts';
import { isProcessAlive } from '../../../src/local/process-alive.ts';
import { startRedis } from '../../../src/local/redis.ts';
import { askRedis } from '../../../src/local/redis-inline.ts';
import { testRedis } from '../../support/redis.ts';
import { tempFolder } from '../../support/temp-folder.ts';

describe('the embedded Redis', () => {
  it('answers by its address, keeps what it is told, never evicts, and syncs before it answers', async () => {
    await using folder = await tempFolder();
    await using redis = await startRedis({ folder: folder.path });
    const client = new Redis(redis.url);
    try {
      expect(await client.set('a', '1')).toBe('OK');
      expect(await client.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction']);
      expect(await client.config('GET', 'appendonly')).toEqual(['appendonly', 'yes']);
      expect(await client.config('GET', 'appendfsync')).toEqual(['appendfsync', 'always']);
    } finally {
      client.disconnect();
    }
  });

  it('has what it had when it is started again in the same folder, also after a kill', async () => {
    await using folder = await tempFolder();
    const first = await startRedis({ folder: folder.path });
    await withClient(first.url, (client) => client.set('kept', 'yes'));
    process.kill(first.pid, 'SIGKILL');
    await first.exited;
    await first.stop();
    await using second = await startRedis({
      folder: folder.path,
      port: first.port,
      password: first.password,
    });
    expect(second.url).toBe(first.url);
    expect(await withClient(second.url, (client) => client.get('kept'))).toBe('yes');
  });

  it('takes no command without the password, which stands in a file of this user alone', async () => {
    await using folder = await tempFolder();
    await using redis = await startRedis({ folder: folder.path });
    expect(await askRedis({ port: redis.port, password: 'wrong' }, 'PING')).toMatch(/^-WRONGPASS/);
    const path = join(folder.path, 'redis.conf');
    expect(await readFile(path, 'utf8')).toContain(redis.password);
    expect((await stat(path)).mode & 0o077).toBe(0);
    const ownFiles = await readGeneration(folder.path, 'redis');
    expect((await stat(join(folder.path, `redis-${ownFiles?.number}.json`))).mode & 0o077).toBe(0);
  });

  it('listens on the loopback interface alone', async () => {
    const others = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .filter((address) => !address.internal && address.family === 'IPv4');
    await using folder = await tempFolder();
    await using redis = await startRedis({ folder: folder.path });
    for (const { address } of others) {
      const socket = connect({ host: address, port: redis.port });
      await expect(once(socket, 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    }
  });

  it('leaves no process behind when it is stopped, twice too', async () => {
    await using folder = await tempFolder();
    const redis = await startRedis({ folder: folder.path });
    expect(isProcessAlive(redis.pid)).toBe(true);
    await Promise.all([redis.stop(), redis.stop()]);
    expect(isProcessAlive(redis.pid)).toBe(false);
  });

  it('refuses a folder in which a living process runs one', async () => {
    await using folder = await tempFolder();
    await using _redis = await startRedis({ folder: folder.path });
    await expect(startRedis({ folder: folder.path })).rejects.toMatchObject({
      code: 'redis_folder_in_use',
      message: expect.stringContaining(`Process ${process.pid} runs a redis-server`),
    });
  });

  it('ends the server that a killed process left in the folder, and goes on with its data', async () => {
    await using folder = await tempFolder();
    const orphan = await startRedis({ folder: folder.path });
    try {
      await withClient(orphan.url, (client) => client.set('kept', 'yes'));
      await pretendOwnerDied(folder.path);
      await using next = await startRedis({ folder: folder.path });
      await orphan.exited;
      expect(await withClient(next.url, (client) => client.get('kept'))).toBe('yes');
    } finally {
      await orphan.stop();
    }
  });

  it('says what the server said when it does not start', async () => {
    await using folder = await tempFolder();
    await using running = await startRedis({ folder: join(folder.path, 'a') });
    await expect(startRedis({ folder: join(folder.path, 'b'), port: running.port })).rejects.toMatchObject({
      code: 'redis_start',
      message: expect.stringMatching(/already in use/i),
    });
  });
});

describe('numbered files', () => {
  it('give a folder to exactly one of many racing claims, and keep one file', async () => {
    await using folder = await tempFolder();
    for (let round = 0; round < 5; round += 1) {
      const won = await Promise.all(
        Array.from({ length: 16 }, (_, index) => claimGeneration(folder.path, 'x', round, String(index))),
      );
      expect(won.filter(Boolean)).toHaveLength(1);
      expect(await readGeneration(folder.path, 'x')).toEqual({
        number: round + 1,
        text: String(won.indexOf(true)),
      });
    }
  });

  it('refuse a claim that comes after its number was used up and cleaned away', async () => {
    await using folder = await tempFolder();
    await claimGeneration(folder.path, 'x', 0, 'first');
    await claimGeneration(folder.path, 'x', 1, 'second');
    await claimGeneration(folder.path, 'x', 2, 'third');
    expect(await claimGeneration(folder.path, 'x', 1, 'late')).toBe(false);
    expect(await readGeneration(folder.path, 'x')).toEqual({ number: 3, text: 'third' });
  });
});

describe('the Redis of the test run', () => {
  it('gives each test a prefix and takes its keys away', async () => {
    await using outer = await testRedis();
    let prefix = '';
    {
      await using inner = await testRedis();
      prefix = inner.prefix;
      await inner.client.set(`${prefix}:a`, '1');
    }
    expect(await outer.client.exists(`${prefix}:a`)).toBe(0);
    expect(prefix).not.toBe(outer.prefix);
  });
});

async function withClient<T>(url: string, work: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url, { maxRetriesPerRequest: 0 });
  try {
    return await work(client);
  } finally {
    client.disconnect();
  }
}

/** Rewrites the claim to a process id that no process has. */
async function pretendOwnerDied(folder: string): Promise<void> {
  const claim = await readGeneration(folder, 'redis');
  if (claim === undefined) throw new Error('no claim');
  const died = JSON.stringify({ ...JSON.parse(claim.text), ownerPid: 2 ** 22 + 1 });
  await claimGeneration(folder, 'redis', claim.number, died);
}

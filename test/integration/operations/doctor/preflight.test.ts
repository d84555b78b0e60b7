import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { startRedis } from '../../../../src/local/redis.ts';
import {
  assertUsable,
  lookAtRedis,
  type PreflightDeps,
  preflight,
} from '../../../../src/operations/doctor/preflight.ts';
import { UnavailableError, UserError } from '../../../../src/shared/base/errors.ts';
import { defaultRegistry } from '../../../../src/shared/models/registry.ts';
import { shippedRecipesFolder } from '../../../../src/shared/pictures/recipes.ts';
import { openRedis } from '../../../../src/shared/redis/redis.ts';
import { tryRights } from '../../../../src/shared/redis/rights.ts';
import { openFolderStore } from '../../../../src/shared/store/folder/store.ts';
import type { ObjectStore } from '../../../../src/shared/store/object-store.ts';
import { testRedis } from '../../../support/redis.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

interface Good extends AsyncDisposable {
  readonly deps: PreflightDeps;
  readonly store: ObjectStore;
}

/** An environment in which nothing is wrong. */
async function good(): Promise<Good> {
  const folder = await tempFolder();
  const redis = await testRedis();
  const store = await openFolderStore({ folder: folder.path });
  return {
    store,
    deps: {
      redis: async () => redis.client,
      redisRights: async () => await tryRights({ redis: redis.client, prefix: redis.prefix }),
      store: async () => store,
      hasKey: true,
      recipesFolder: shippedRecipesFolder(),
      models: [],
      registry: defaultRegistry(),
      clock: () => Date.parse('2026-11-24T12:00:00Z'),
    },
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await redis[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

describe('preflight', () => {
  it('finds nothing wrong with a Redis, a store, a key and recipes that are as they must be', async () => {
    await using at = await good();
    expect(await preflight(at.deps)).toEqual({ faults: [], warnings: [] });
    // And once more, now that the probe's object is there.
    expect(await preflight(at.deps)).toEqual({ faults: [], warnings: [] });
  });

  it('refuses a real Redis that evicts, and warns of one without an append-only file', async () => {
    await using at = await good();
    await using folder = await tempFolder();
    await using server = await startRedis({ folder: folder.path });
    const client = await openRedis(server.url);
    try {
      await client.config('SET', 'maxmemory-policy', 'volatile-lru');
      await client.config('SET', 'appendonly', 'no');
      const { faults, warnings } = await preflight({ ...at.deps, redis: async () => client });
      expect(faults).toEqual([expect.stringContaining('maxmemory-policy volatile-lru')]);
      expect(warnings).toEqual([expect.stringContaining('append-only')]);
    } finally {
      client.disconnect();
    }
  });

  it('tells the age of a Redis from its INFO', () => {
    const look = (version: string) =>
      lookAtRedis(
        new Map([
          ['redis_version', version],
          ['maxmemory_policy', 'noeviction'],
        ]),
      ).faults;
    expect(look('6.0.16')).toEqual(['Redis is version 6.0.16. Use 6.2 or newer.']);
    expect(look('5.0.7')).toHaveLength(1);
    expect(look('6.2.0')).toEqual([]);
    expect(look('8.0.1')).toEqual([]);
  });

  it('warns where a managed Redis hides its policy, and says so where it forbids INFO', async () => {
    await using at = await good();
    expect(lookAtRedis(new Map())).toEqual({ faults: [], warnings: [expect.stringContaining('noeviction')] });
    const info = () => Promise.reject(new Error('NOPERM this user has no permissions'));
    const { faults } = await preflight({ ...at.deps, redis: async () => ({ info }) });
    expect(faults).toEqual([expect.stringMatching(/INFO.*NOPERM.*REDIS_URL/)]);
  });

  it('refuses a store in which a second create-once write succeeds', async () => {
    await using at = await good();
    const forgetful: ObjectStore = { ...at.store, putOnce: async () => 'created' };
    const { faults } = await preflight({ ...at.deps, store: async () => forgetful });
    expect(faults).toEqual([expect.stringContaining('paid for twice')]);
  });

  it('names every fault in one go, each on its line', async () => {
    await using at = await good();
    await using folder = await tempFolder();
    const recipes = join(folder.path, 'recipes');
    mkdirSync(recipes);
    writeFileSync(join(recipes, 'bad.json'), '{"renditions": 3}');
    const usable = assertUsable({
      ...at.deps,
      hasKey: false,
      redis: () => Promise.reject(new UserError('redis_away', 'Redis at nowhere:1 does not answer.')),
      store: () => Promise.reject(new UnavailableError('s3', 'S3 at nowhere did not answer.')),
      recipesFolder: recipes,
    });
    await expect(usable).rejects.toMatchObject({ name: 'UserError', code: 'unusable_environment' });
    const lines = await usable.then(
      () => [],
      (error: Error) => error.message.split('\n'),
    );
    expect(lines).toEqual([
      expect.stringContaining('FAL_KEY'),
      'Redis at nowhere:1 does not answer.',
      'S3 at nowhere did not answer.',
      expect.stringContaining('bad.json'),
    ]);
  });

  it('warns of a model whose end is near', async () => {
    await using at = await good();
    const clock = () => Date.parse('2026-11-20T00:00:00Z');
    const { faults, warnings } = await preflight({ ...at.deps, clock, models: defaultRegistry().models });
    expect(faults).toEqual([]);
    expect(warnings).toEqual([expect.stringContaining('2026-12-01')]);
  });

  it('lets a bug through as what it is', async () => {
    await using at = await good();
    const bug = new TypeError('a bug');
    await expect(preflight({ ...at.deps, store: () => Promise.reject(bug) })).rejects.toBe(bug);
  });
});

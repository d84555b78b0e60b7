import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { doctorCommand } from '../../../../src/cli/commands/doctor.ts';
import { startRedis } from '../../../../src/local/redis.ts';
import { type CheckResult, runChecks } from '../../../../src/operations/doctor/check.ts';
import { falChecks } from '../../../../src/operations/doctor/fal.ts';
import { storeChecks } from '../../../../src/operations/doctor/store.ts';
import { UserError } from '../../../../src/shared/base/errors.ts';
import { createFalHttp, openFalSockets } from '../../../../src/shared/fal/http.ts';
import { defaultRegistry } from '../../../../src/shared/models/registry.ts';
import { openRedis } from '../../../../src/shared/redis/redis.ts';
import { raceCreateOnce } from '../../../../src/shared/store/create-once.ts';
import { openFolderStore } from '../../../../src/shared/store/folder/store.ts';
import type { ObjectStore } from '../../../../src/shared/store/object-store.ts';
import { runInContext } from '../../../support/cli-context.ts';
import { testFal } from '../../../support/fal.ts';
import { testRedis } from '../../../support/redis.ts';
import { tempFolder } from '../../../support/temp-folder.ts';
import { openWorkshop } from '../../../support/workshop.ts';
import { workshopCli } from '../../../support/workshop-cli.ts';

type Told = Record<string, { outcome: string; message: string; mend?: string | null }>;

const byName = (checks: readonly CheckResult[]): Told =>
  Object.fromEntries(
    checks.map(({ name, outcome, message, mend }) => [name, { outcome, message, mend }]),
  ) as Told;

/** What `doctor --json` says, in a folder of its own, of the simulator and the Redis at `redisUrl`. */
async function doctor(environment: Record<string, string>) {
  await using folder = await tempFolder();
  const { out, err, result } = await runInContext({ cwd: folder.path, environment }, (context) =>
    doctorCommand(context, { json: true }),
  );
  const { ok, checks } = JSON.parse(out);
  const probes = join(folder.path, '.shotlist/store/_shotlist');
  const left = await readdir(probes, { recursive: true }).catch(() => []);
  return { ok, exit: result, names: byName(checks), out, err, left };
}

const settingsOf = (fal: Awaited<ReturnType<typeof testFal>>, redisUrl: string) => ({
  FAL_KEY: fal.key,
  FAL_ADMIN_KEY: fal.adminKey,
  FAL_QUEUE_URL: fal.queueUrl,
  FAL_API_URL: fal.apiUrl,
  FAL_MEDIA_HOSTS: fal.mediaHosts.join(','),
  REDIS_URL: redisUrl,
});

describe('doctor', () => {
  it('finds no fault where there is none, submits nothing, and leaves the probes alone', async () => {
    await using redis = await testRedis();
    await using fal = await testFal();
    const { ok, exit, names, left, err } = await doctor(settingsOf(fal, redis.url));
    expect({ ok, exit, err }).toEqual({ ok: true, exit: 0, err: '' });
    const wanting = Object.entries(names).filter(([, { outcome }]) => outcome !== 'ok');
    // Facts of this machine and of the date, not of what is under test.
    expect(wanting.map(([name]) => name).filter((name) => !/^(node|disk|model-end:)/.test(name))).toEqual([]);
    expect(names['redis-durability']?.message).toContain('appendfsync always');
    expect(names['store-create-once']?.message).toContain('one won');
    expect(names['fal-price:gpt-image-1-mini']?.message).toContain('$0.01 per unit');
    expect(fal.book.entries()).toEqual([]);
    const objects = left.filter((name) => name.endsWith('.txt')).sort();
    expect(objects).toEqual([
      'probe/create-once.txt',
      ...Array.from({ length: 9 }, (_, at) => `probe/list/${at}.txt`),
      expect.stringMatching(/^probe\/race-\d{4}-\d\d-\d\d-[0-9a-f]{16}\.txt$/),
      'probe/rights.txt',
    ]);
  });

  it.each([
    ['as-posted', 'ok', "fal's list shows the one answered request as POSTed"],
    ['filled', 'ok', "fal's list shows the one answered request as POSTed"],
    ['hidden', 'warning', "fal's list hides or changes the inputs of 1 of the 1 answered requests"],
    ['shortened', 'warning', 'a lost answer waits for a user'],
  ] as const)('tells what fal’s list shows of answered requests: %s', async (listInput, outcome, message) => {
    await using workshop = await openWorkshop({ fal: { listInput } });
    await using cli = await workshopCli(workshop, { FAL_UNKNOWN_MARGIN_S: '299' });
    const look = async () => {
      const { out } = await cli.run((context) => doctorCommand(context, { json: true }));
      return byName(JSON.parse(out).checks);
    };
    const before = await look();
    expect(before['fal-history:gpt-image-1-mini']).toMatchObject({
      outcome: 'ok',
      message: expect.stringContaining('No answered request'),
    });
    expect(before['fal-margin:gpt-image-1-mini']).toMatchObject({
      outcome: 'warning',
      message: expect.stringContaining('gpt-image-1-mini needs 300'),
    });
    const batch = await workshop.enqueueRows([{ id: 'tee', prompt: 'a tee on a hanger' }]);
    await workshop.startWorker();
    await workshop.untilEnded(batch);
    expect((await look())['fal-history:gpt-image-1-mini']).toMatchObject({
      outcome,
      message: expect.stringContaining(message),
    });
  });

  it('warns of connections that are not encrypted, and goes on', async () => {
    await using redis = await testRedis();
    await using fal = await testFal();
    const { ok, names } = await doctor({ ...settingsOf(fal, redis.url), NODE_TLS_REJECT_UNAUTHORIZED: '0' });
    expect(ok).toBe(true);
    expect(names['encryption']).toMatchObject({
      outcome: 'warning',
      message: expect.stringContaining('NODE_TLS_REJECT_UNAUTHORIZED is 0'),
    });
  });

  it('finds a Redis that evicts and does not sync, and still looks at the rest', async () => {
    await using folder = await tempFolder();
    await using server = await startRedis({ folder: folder.path });
    await using fal = await testFal();
    const client = await openRedis(server.url);
    try {
      await client.config('SET', 'maxmemory-policy', 'allkeys-lru');
      await client.config('SET', 'appendfsync', 'everysec');
      const { ok, exit, names, out } = await doctor(settingsOf(fal, server.url));
      expect({ ok, exit }).toEqual({ ok: false, exit: 1 });
      expect(names['redis-eviction']).toMatchObject({
        outcome: 'fault',
        message: expect.stringContaining('allkeys-lru'),
        mend: 'Set maxmemory-policy to noeviction.',
      });
      expect(names['redis-durability']).toMatchObject({
        outcome: 'warning',
        message: expect.stringContaining('everysec'),
      });
      expect(names['store-create-once']?.outcome).toBe('ok');
      expect(out).not.toContain(server.password);
    } finally {
      client.disconnect();
    }
  });

  it('says that the sync policy cannot be told where a user may not ask for it', async () => {
    await using folder = await tempFolder();
    await using server = await startRedis({ folder: folder.path });
    await using fal = await testFal();
    const client = await openRedis(server.url);
    try {
      await client.call('ACL', 'SETUSER', 'shop', 'on', '>secret-word', '~*', '&*', '+@all', '-config');
      const url = `redis://shop:secret-word@127.0.0.1:${server.port}`;
      const { names, out } = await doctor(settingsOf(fal, url));
      expect(names['redis-durability']).toMatchObject({
        outcome: 'warning',
        message: expect.stringContaining('cannot be told'),
      });
      expect(names['redis-eviction']?.outcome).toBe('ok');
      expect(out).not.toContain('secret-word');
    } finally {
      client.disconnect();
    }
  });

  it('tells that everything is away once each, and not looked at what hangs on it', async () => {
    const { ok, names } = await doctor({
      FAL_KEY: 'some-key',
      FAL_API_URL: 'http://127.0.0.1:4',
      REDIS_URL: 'redis://127.0.0.1:4',
      S3_BUCKET: 'no-such-bucket',
      S3_ENDPOINT: 'http://127.0.0.1:4',
      S3_REGION: 'nowhere',
    });
    expect(ok).toBe(false);
    const faults = Object.entries(names).flatMap(([name, { outcome }]) =>
      outcome === 'fault' ? [name] : [],
    );
    expect(faults).toEqual(['redis', 'store', 'fal-key']);
    for (const name of ['redis-eviction', 'store-put', 'fal-clock']) {
      expect(names[name]?.message).toMatch(/^Not looked at: /);
    }
    for (const name of faults) expect(names[name]?.mend).toEqual(expect.any(String));
  });

  it('names a missing key, and bad settings in the same shape', async () => {
    await using redis = await testRedis();
    await using fal = await testFal();
    const { FAL_KEY: _key, ...keyless } = settingsOf(fal, redis.url);
    const { exit, names } = await doctor(keyless);
    expect(exit).toBe(1);
    expect(names['fal-key']).toMatchObject({ outcome: 'fault', mend: expect.stringContaining('FAL_KEY') });
    const bad = await doctor({ FAL_CONCURRENCY: 'many', REDIS_URL: 'http://x' });
    expect(bad).toMatchObject({ ok: false, exit: 1 });
    expect(bad.names).toEqual({
      settings: expect.objectContaining({ message: expect.stringMatching(/FAL_CONCURRENCY.*REDIS_URL/) }),
    });
  });

  it('prints a line for each check, and a tally', async () => {
    await using redis = await testRedis();
    await using fal = await testFal();
    await using folder = await tempFolder();
    const environment = settingsOf(fal, redis.url);
    const { out } = await runInContext({ cwd: folder.path, environment }, (context) =>
      doctorCommand(context, {}),
    );
    const lines = out.trimEnd().split('\n');
    expect(lines.at(-1)).toMatch(/^0 faults, \d+ warnings?\.$/);
    for (const line of lines.slice(0, -2))
      expect(line).toMatch(/^(ok|warning|fault) +[a-z][a-z0-9:.-]+ +[^ ]/);
  });
});

describe('what the doctor says of fal', () => {
  async function ofFal(
    arrange: (fal: Awaited<ReturnType<typeof testFal>>) => void,
    over: { key?: string; adminKey?: string; aheadMs?: number; timeoutMs?: number } = {},
  ): Promise<Told> {
    await using fal = await testFal();
    arrange(fal);
    const agent = openFalSockets();
    const clock = () => Date.now() + (over.aheadMs ?? 0);
    try {
      const timeoutMs = over.timeoutMs ?? 10_000;
      const checks = falChecks({
        http: createFalHttp({ agent, clock }),
        key: over.key ?? fal.key,
        adminKey: over.adminKey ?? fal.adminKey,
        apiUrl: fal.apiUrl,
        queueUrl: fal.queueUrl,
        mediaHosts: fal.mediaHosts,
        registry: defaultRegistry(),
        defaultModel: defaultRegistry().get('gpt-image-1-mini'),
        clock,
        timeoutMs,
      });
      return byName(await runChecks(checks, { timeoutMs }));
    } finally {
      await agent.destroy();
    }
  }

  it('tells a refused key and an admin key without the right from others', async () => {
    const names = await ofFal(() => {}, { key: 'wrong', adminKey: 'wrong' });
    expect(names['fal-key']).toMatchObject({ outcome: 'fault', message: expect.stringContaining('401') });
    expect(names['fal-admin-key']?.outcome).toBe('warning');
    expect(names['fal-price:gpt-image-1-mini']?.message).toContain('Not looked at');
    expect(names['fal-endpoint:gpt-image-1-mini']?.outcome).toBe('ok');
  });

  it('tells a locked balance from a refused key', async () => {
    const names = await ofFal((fal) => fal.faults.add({ on: 'pricing', kind: 'exhausted-balance' }));
    expect(names['fal-key']).toMatchObject({
      outcome: 'fault',
      message: expect.stringContaining('balance'),
      mend: expect.stringContaining('Top up'),
    });
  });

  it('finds an endpoint that fal has no more, or that is not active', async () => {
    const gone = await ofFal((fal) => fal.faults.add({ on: 'models', kind: 'status', status: 404 }));
    expect(gone['fal-endpoint:gpt-image-1-mini']).toMatchObject({
      outcome: 'fault',
      mend: expect.stringContaining('--model gpt-image-2.5-flare'),
    });
    const body = {
      models: [{ endpoint_id: 'fal-ai/gpt-image-1-mini', metadata: { status: 'deprecated' } }],
    };
    const old = await ofFal((fal) => fal.faults.add({ on: 'models', kind: 'status', status: 200, body }));
    expect(old['fal-endpoint:gpt-image-1-mini']).toMatchObject({
      outcome: 'warning',
      message: expect.stringContaining('deprecated'),
    });
  });

  it('finds a clock that is off, by the date of an answer', async () => {
    expect((await ofFal(() => {}, { aheadMs: 40_000 }))['fal-clock']).toMatchObject({
      outcome: 'warning',
      message: expect.stringContaining('behind'),
    });
    expect((await ofFal(() => {}, { aheadMs: -600_000 }))['fal-clock']?.outcome).toBe('fault');
  });

  it('waits no longer than it may for an answer', async () => {
    const names = await ofFal((fal) => fal.faults.add({ on: 'pricing', kind: 'hang' }), { timeoutMs: 300 });
    expect(names['fal-key']).toMatchObject({ outcome: 'fault', message: expect.stringContaining('answer') });
    expect(names['fal-clock']?.outcome).toBe('ok');
  });

  it('takes an answer of another shape for a fault of its own check alone', async () => {
    const names = await ofFal((fal) =>
      fal.faults.add({ on: 'models', kind: 'status', status: 200, body: { models: 3 } }),
    );
    expect(names['fal-endpoint:gpt-image-1-mini']?.outcome).toBe('warning');
    expect(names['fal-key']?.outcome).toBe('ok');
  });
});

describe('what the doctor says of a store', () => {
  async function ofStore(change: (store: ObjectStore) => Partial<ObjectStore>, aheadMs = 0): Promise<Told> {
    await using folder = await tempFolder();
    await using store = await openFolderStore({ folder: folder.path });
    const checks = storeChecks({
      open: async () => ({ ...store, ...change(store) }),
      clock: () => Date.now() + aheadMs,
      raceName: () => 'race-test.txt',
    });
    return byName(await runChecks(checks, { timeoutMs: 10_000 }));
  }

  /** Looks first and writes then: each write alone is refused rightly, a race is not. */
  const lookingFirst = (store: ObjectStore): Partial<ObjectStore> => ({
    async putOnce(key, body, options) {
      if ((await store.get(key)) !== undefined) return 'exists';
      await delay(20);
      await store.put(key, body, options);
      return 'created';
    },
  });

  it('finds one that overwrites, and one that only looks before it writes', async () => {
    const overwrites = await ofStore((store) => ({
      async putOnce(key, body, options) {
        await store.put(key, body, options);
        return 'created';
      },
    }));
    expect(overwrites['store-create-once']).toMatchObject({
      outcome: 'fault',
      message: expect.stringContaining('paid for twice'),
      mend: expect.stringContaining('AWS S3'),
    });
    const racy = await ofStore(lookingFirst);
    expect(racy['store-create-once']).toMatchObject({
      outcome: 'fault',
      message: expect.stringContaining('16 of 16 writers'),
    });
    expect(racy['store-put']?.outcome).toBe('ok');
  });

  it('finds one that tells one writer that it won and keeps what another wrote', async () => {
    await using folder = await tempFolder();
    await using store = await openFolderStore({ folder: folder.path });
    const lying: ObjectStore = {
      ...store,
      async putOnce(key, body, options) {
        const outcome = await store.putOnce(key, body, options);
        if (outcome === 'exists') await store.put(key, body, options);
        return outcome;
      },
    };
    const race = (of: ObjectStore, key: string) => raceCreateOnce(of, { key, writers: 4 });
    await expect(race(lying, 'a/lies')).rejects.toMatchObject({ code: 'store_unfit' });
    expect(await race(store, 'a/holds')).toBe('kept');
    // Nobody wins a key that is taken, so nothing is shown by it.
    expect(await race(store, 'a/holds')).toBe('untold');
  });

  it('names each right that the credentials lack by itself', async () => {
    const deny = async () => {
      throw new UserError('store_denied', 'The S3 credentials may not use it: they need everything.');
    };
    const noPut = await ofStore(() => ({ put: deny }));
    expect(noPut['store-put']).toMatchObject({
      outcome: 'fault',
      mend: expect.stringContaining('s3:PutObject'),
    });
    expect(noPut['store-get']?.message).toContain('Not looked at');
    expect(noPut['store-create-once']?.outcome).toBe('ok');

    const noGet = await ofStore(() => ({ get: deny }));
    expect(noGet['store-get']).toMatchObject({
      outcome: 'fault',
      mend: expect.stringContaining('s3:GetObject'),
    });
    const noList = await ofStore(() => ({
      check: deny,
      // biome-ignore lint/correctness/useYield: it fails before it has anything to yield
      async *list() {
        await deny();
      },
    }));
    expect(noList['store-list']).toMatchObject({
      outcome: 'fault',
      mend: expect.stringContaining('s3:ListBucket'),
    });
    expect(noList['store-put']?.outcome).toBe('ok');
  });

  it('finds a clock that is off, by the time of what it just wrote', async () => {
    expect((await ofStore(() => ({}), 300_000))['store-clock']).toMatchObject({
      outcome: 'warning',
      message: expect.stringContaining('5 min behind'),
    });
    expect((await ofStore(() => ({})))['store-clock']?.outcome).toBe('ok');
  });
});

import { describe, expect, it } from '@jest/globals';
import { type CheckResult, runChecks } from '../../../../src/operations/doctor/check.ts';
import { preflight } from '../../../../src/operations/doctor/preflight.ts';
import { storeChecks } from '../../../../src/operations/doctor/store.ts';
import { defaultRegistry } from '../../../../src/shared/models/registry.ts';
import { shippedRecipesFolder } from '../../../../src/shared/pictures/recipes.ts';
import { assertListsAll } from '../../../../src/shared/store/listing-probe.ts';
import { type Bend, type FakeS3Options, fakeS3, refusal, type S3Call } from '../../../support/fake-s3.ts';

async function looked(
  options: FakeS3Options,
  bend?: Bend,
): Promise<{ told: Record<string, CheckResult>; keys: string[]; calls: readonly string[] }> {
  await using s3 = await fakeS3(options);
  s3.bend(bend);
  await using store = s3.store();
  const checks = storeChecks({ open: async () => store, clock: Date.now, raceName: () => 'race-1.txt' });
  const results = await runChecks(checks, { timeoutMs: 15_000 });
  expect(JSON.stringify(results)).not.toContain('secret-of-the-test');
  return {
    told: Object.fromEntries(results.map((result) => [result.name, result])),
    keys: [...s3.objects.keys()].sort(),
    calls: s3.calls,
  };
}

const denied =
  (action: S3Call['action']): Bend =>
  (call) =>
    call.action === action ? refusal(403, 'AccessDenied') : undefined;

const outcomes = (told: Record<string, CheckResult>) =>
  Object.fromEntries(Object.entries(told).map(([name, { outcome }]) => [name, outcome]));

const WELL = {
  store: 'ok',
  'store-put': 'ok',
  'store-get': 'ok',
  'store-list': 'ok',
  'store-create-once': 'ok',
  'store-clock': 'ok',
};

describe('the doctor over the S3 protocol', () => {
  it('finds nothing where nothing is wrong, and leaves its probes', async () => {
    const { told, keys } = await looked({});
    expect(outcomes(told)).toEqual(WELL);
    expect(keys.map((key) => key.replace(/^.*_shotlist/, '_shotlist'))).toEqual([
      '_shotlist/probe/create-once.txt',
      ...Array.from({ length: 9 }, (_, at) => `_shotlist/probe/list/${at}.txt`),
      '_shotlist/probe/race-1.txt',
      '_shotlist/probe/rights.txt',
    ]);
  });

  it('finds a server that ignores If-None-Match', async () => {
    const { told } = await looked({ ignoresConditions: true });
    expect(outcomes(told)).toEqual({ ...WELL, 'store-create-once': 'fault' });
    expect(told['store-create-once']?.message).toContain('paid for twice');
  });

  it('tells the right to write from the right to read', async () => {
    const { told } = await looked({}, denied('PUT'));
    expect(told['store-put']).toMatchObject({
      outcome: 'fault',
      message: expect.stringContaining('may not write to s3://bucket'),
      mend: expect.stringContaining('s3:PutObject'),
    });
    // Nothing is said against a store that could not be tried.
    expect(told['store-create-once']).toMatchObject({
      outcome: 'warning',
      message: expect.stringContaining('Not looked at'),
    });
    const { told: unread } = await looked({}, denied('GET'));
    expect(unread['store-put']?.outcome).toBe('ok');
    expect(unread['store-get']).toMatchObject({
      outcome: 'fault',
      message: expect.stringContaining('may not read from'),
      mend: expect.stringContaining('s3:GetObject'),
    });
    const { told: unlisted } = await looked({}, denied('LIST'));
    expect(unlisted['store-list']).toMatchObject({
      outcome: 'fault',
      mend: expect.stringContaining('s3:ListBucket'),
    });
    expect(unlisted['store-get']?.outcome).toBe('ok');
  });

  it('lists its probes three at a time, to the end, and writes them once', async () => {
    await using s3 = await fakeS3();
    await using store = s3.store();
    await assertListsAll(store);
    const before = s3.calls.length;
    await assertListsAll(store);
    expect(s3.calls.slice(before)).toEqual(Array(3).fill('LIST _shotlist/probe/list/'));
  });

  const inProbes =
    (change: (xml: string) => string): Bend =>
    (call, own) =>
      call.action === 'LIST' && call.prefix === '_shotlist/probe/list/'
        ? { ...own(), body: change(String(own().body)) }
        : undefined;

  it.each<[string, Bend, RegExp]>([
    [
      'ends after its first page',
      inProbes((xml) =>
        xml.replace('<IsTruncated>true', '<IsTruncated>false').replace(/<NextCont.*Token>/, ''),
      ),
      /shows 3 of 9 objects when they are listed 3 at a time, so that a picture could be paid for twice/,
    ],
    [
      'leaves one out',
      inProbes((xml) =>
        xml.replace('<KeyCount>3', '<KeyCount>2').replace(/<Contents><Key>[^<]*4\.txt.*?<\/Contents>/, ''),
      ),
      /shows 8 of 9 objects/,
    ],
    ['goes on, but not where', inProbes((xml) => xml.replace(/<NextCont.*Token>/, '')), /does not say where/],
    ['breaks off', inProbes((xml) => xml.replace(/<Key>.*$/, '')), /a listing that cannot be read/],
    ['answers with nothing', inProbes(() => ''), /an empty body for a listing/],
  ])('finds a store whose listing %s, as does the start of a worker', async (_, bend, words) => {
    const { told } = await looked({}, bend);
    expect(told['store-list']).toMatchObject({ outcome: 'fault', message: expect.stringMatching(words) });
    await using s3 = await fakeS3();
    s3.bend(bend);
    await using store = s3.store();
    const { faults } = await preflight({
      redis: async () => ({ info: async () => 'maxmemory_policy:noeviction' }),
      redisRights: async () => ({ commands: [], sentences: [] }),
      store: async () => store,
      hasKey: true,
      recipesFolder: shippedRecipesFolder(),
      models: [],
      registry: defaultRegistry(),
      clock: Date.now,
    });
    expect(faults).toEqual([expect.stringMatching(words)]);
  });

  it("finds the store's clock ahead of ours", async () => {
    const { told } = await looked({ aheadMs: 1_200_000 });
    expect(told['store-clock']).toMatchObject({
      outcome: 'fault',
      message: expect.stringContaining('20 min ahead of'),
    });
  });
});

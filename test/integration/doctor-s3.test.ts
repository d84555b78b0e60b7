import { describe, expect, it } from '@jest/globals';
import { silentLogger } from '../../src/shared/log.ts';
import { openS3Store } from '../../src/shared/s3-store.ts';
import { type CheckResult, runChecks } from '../../src/worker/doctor/check.ts';
import { storeChecks } from '../../src/worker/doctor/store.ts';
import { type Bent, bentS3 } from '../support/bent-s3.ts';
import { s3Config } from '../support/s3-suite.ts';

async function looked(bent: Bent): Promise<{ told: Record<string, CheckResult>; keys: string[] }> {
  await using s3 = await bentS3(bent);
  await using store = openS3Store({
    config: s3Config({ endpoint: s3.endpoint, bucket: 'bucket' }),
    credentials: { accessKeyId: 'key', secretAccessKey: 'secret-of-the-test' },
    log: silentLogger,
  });
  const checks = storeChecks({ open: async () => store, clock: Date.now, raceName: () => 'race-1.txt' });
  const results = await runChecks(checks, { timeoutMs: 15_000 });
  expect(JSON.stringify(results)).not.toContain('secret-of-the-test');
  return {
    told: Object.fromEntries(results.map((result) => [result.name, result])),
    keys: [...s3.objects.keys()].sort(),
  };
}

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
  it('finds nothing where nothing is wrong, and leaves three objects', async () => {
    const { told, keys } = await looked({});
    expect(outcomes(told)).toEqual(WELL);
    expect(keys.map((key) => key.replace(/^.*_shotlist/, '_shotlist'))).toEqual([
      '_shotlist/probe/create-once.txt',
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
    const { told } = await looked({ denied: ['PUT'] });
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
    const { told: unread } = await looked({ denied: ['GET'] });
    expect(unread['store-put']?.outcome).toBe('ok');
    expect(unread['store-get']).toMatchObject({
      outcome: 'fault',
      message: expect.stringContaining('may not read from'),
      mend: expect.stringContaining('s3:GetObject'),
    });
    const { told: unlisted } = await looked({ denied: ['LIST'] });
    expect(unlisted['store-list']).toMatchObject({
      outcome: 'fault',
      mend: expect.stringContaining('s3:ListBucket'),
    });
    expect(unlisted['store-get']?.outcome).toBe('ok');
  });

  it("finds the store's clock ahead of ours", async () => {
    const { told } = await looked({ aheadMs: 1_200_000 });
    expect(told['store-clock']).toMatchObject({
      outcome: 'fault',
      message: expect.stringContaining('20 min ahead of'),
    });
  });
});

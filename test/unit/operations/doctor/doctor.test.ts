import { describe, expect, it } from '@jest/globals';
import { type Check, halves, NotLookedAt, ok, runChecks } from '../../../../src/operations/doctor/check.ts';
import { doctorChecks } from '../../../../src/operations/doctor/doctor.ts';
import { falClock } from '../../../../src/operations/doctor/fal.ts';
import { lookAtCaps, lookAtDisk, lookAtNode } from '../../../../src/operations/doctor/machine.ts';
import { lookAtMediaHosts } from '../../../../src/operations/doctor/media-hosts.ts';
import { comparePrice } from '../../../../src/operations/doctor/price.ts';
import { redisDurability, redisMemory } from '../../../../src/operations/doctor/redis.ts';
import { storeClock } from '../../../../src/operations/doctor/store.ts';
import { skewMs, skewText } from '../../../../src/shared/base/clocks.ts';
import { UserError } from '../../../../src/shared/base/errors.ts';
import type { Model } from '../../../../src/shared/models/model.ts';
import { defaultRegistry } from '../../../../src/shared/models/registry.ts';
import { readPage, tableOf } from '../../../support/docs.ts';

const NOW = Date.parse('2026-11-24T12:00:00Z');
const FAL = 'https://queue.fal.run';

function check(name: string, look: Check['look'], whenFailed: Check['whenFailed'] = 'fault'): Check {
  return { name, whenFailed, mend: 'Mend it.', look };
}

describe('the checks', () => {
  it('all run and are told in their order, whatever the others come to', async () => {
    const results = await runChecks(
      [
        check('hangs', () => new Promise(() => {}), 'warning'),
        check('rejects', () => Promise.reject(new UserError('away', 'It is away; start it.'))),
        check('has a bug', () => Promise.reject(new TypeError('no such thing'))),
        check('needs another', () => Promise.reject(new NotLookedAt('the other failed'))),
        check('is well', async () => ok('Well.')),
      ],
      { timeoutMs: 50 },
    );
    expect(results).toEqual([
      { name: 'hangs', outcome: 'warning', message: 'There was no answer within 0.05 s.', mend: 'Mend it.' },
      { name: 'rejects', outcome: 'fault', message: 'It is away.', mend: 'Start it.' },
      {
        name: 'has a bug',
        outcome: 'fault',
        message: expect.stringContaining('no such thing'),
        mend: 'Report it.',
      },
      {
        name: 'needs another',
        outcome: 'warning',
        message: 'Not looked at: the other failed.',
        mend: expect.any(String),
      },
      { name: 'is well', outcome: 'ok', message: 'Well.', mend: undefined },
    ]);
  });

  it('that obey the signal are told as late, not as broken', async () => {
    const obeys = (signal: AbortSignal) =>
      new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    const [late] = await runChecks([check('obeys', obeys)], { timeoutMs: 20 });
    expect(late).toMatchObject({ outcome: 'fault', message: 'There was no answer within 0.02 s.' });
  });

  it('end when a person stops them', async () => {
    const stop = new AbortController();
    const running = runChecks([check('hangs', () => new Promise(() => {}))], {
      timeoutMs: 60_000,
      signal: stop.signal,
    });
    stop.abort(new Error('stopped'));
    await expect(running).rejects.toThrow('stopped');
  });

  it.each([
    [
      'There is no bucket b: create it, or mend S3_BUCKET.',
      'There is no bucket b.',
      'Create it, or mend S3_BUCKET.',
    ],
    ['key: fal says "no: never"; correct it', 'key: fal says "no: never".', 'Correct it.'],
    [
      'S3 at http://x:1 did not answer (ECONNREFUSED).',
      'S3 at http://x:1 did not answer (ECONNREFUSED).',
      'Else.',
    ],
  ])('take %j apart', (sentence, message, mend) => {
    expect(halves(sentence, 'Else.')).toEqual({ message, mend });
  });

  it('are those of docs/doctor.md, in its order', async () => {
    const never = () => Promise.reject(new Error('nothing is opened here'));
    const checks = doctorChecks({
      machine: { nodeVersion: 'v24.0.0', recipesFolder: '', caps: NO_CAPS, folder: undefined },
      connections: { redisUrl: undefined, s3Endpoint: undefined, rejectUnauthorized: undefined },
      redis: never,
      redisRights: () => Promise.reject(new Error('not asked')),
      redisPlace: '',
      store: never,
      raceName: () => 'race',
      fal: {
        http: never,
        key: undefined,
        adminKey: undefined,
        apiUrl: 'https://api.fal.ai',
        queueUrl: FAL,
        mediaHosts: [],
        registry: defaultRegistry(),
        defaultModel: defaultRegistry().get('gpt-image-1-mini'),
      },
      lostAnswers: {
        keyMark: '',
        platform: { read: never },
        workOf: () => never,
        unknownMarginS: undefined,
        startTimeoutS: 600,
      },
      clock: () => NOW,
      timeoutMs: 1,
    });
    const names = checks.map(({ name }) => name.replace(/:.*/, ':MODEL'));
    const told = tableOf(await readPage('docs/doctor.md'), 'check').map(([name]) => name);
    expect(told).toEqual(['settings', ...new Set(names)]);
  });
});

const NO_CAPS = { daily: undefined, monthly: undefined };

describe('a clock', () => {
  it('is only as wrong as is certain', () => {
    const read = { beforeMs: 100_000, afterMs: 101_000 };
    expect(skewMs({ ...read, theirsMs: 100_500 })).toBe(0);
    // Dates are told in whole seconds, cut.
    expect(skewMs({ ...read, theirsMs: 99_001 })).toBe(0);
    expect(skewMs({ ...read, theirsMs: 90_000 })).toBe(-9_001);
    expect(skewMs({ ...read, theirsMs: 111_000 })).toBe(10_000);
    expect(skewText(-9_001)).toBe('9 s behind');
    expect(skewText(600_000)).toBe('10 min ahead of');
  });

  it.each([
    [0, 'ok'],
    [19_000, 'ok'],
    [-20_000, 'warning'],
    [60_000, 'fault'],
  ])("of fal's that is %i ms off is: %s", (ms, outcome) => {
    expect(falClock(ms).outcome).toBe(outcome);
  });

  it.each([
    [60_000, 'ok'],
    [-120_000, 'warning'],
    [900_000, 'fault'],
  ])("of the store's that is %i ms off is: %s", (ms, outcome) => {
    expect(storeClock(ms).outcome).toBe(outcome);
  });
});

describe('Redis', () => {
  const info = (values: Record<string, string>) => new Map(Object.entries(values));

  it.each([
    [{ aof_enabled: '1' }, 'always', 'ok', 'appendfsync always'],
    [{ aof_enabled: '1' }, 'everysec', 'warning', 'appendfsync everysec'],
    [{ aof_enabled: '1' }, undefined, 'warning', 'cannot be told'],
    [{ aof_enabled: '1', aof_last_write_status: 'err' }, 'always', 'fault', 'could not write'],
    [{ aof_enabled: '0' }, 'always', 'warning', 'no append-only file'],
    [{}, undefined, 'warning', 'does not say'],
  ])('with %j and fsync %s is: %s', (values, fsync, outcome, words) => {
    const found = redisDurability(info(values), fsync);
    expect(found).toMatchObject({ outcome, message: expect.stringContaining(words) });
  });

  it.each([
    [{ used_memory: '100', maxmemory: '1000' }, 'ok'],
    [{ used_memory: '750', maxmemory: '1000' }, 'warning'],
    [{ used_memory: '950', maxmemory: '1000' }, 'fault'],
    [{ used_memory: '950', maxmemory: '0', total_system_memory: '100000' }, 'ok'],
    [{ used_memory: '950' }, 'ok'],
    [{}, 'warning'],
  ])('with memory %j is: %s', (values, outcome) => {
    expect(redisMemory(info(values)).outcome).toBe(outcome);
  });
});

describe('FAL_MEDIA_HOSTS', () => {
  it.each([
    [['fal.media', '*.fal.media'], FAL, 'ok'],
    [['*.fal.media'], FAL, 'fault'],
    [['cdn.example.com'], FAL, 'fault'],
    [['fal.media', '*.fal.media', '*.com'], FAL, 'warning'],
    [['fal.media', '*.fal.media', 'localhost:1'], FAL, 'warning'],
    [['127.0.0.1:8080'], 'http://127.0.0.1:8080', 'ok'],
  ])('%j at %s is: %s', (hosts, queueUrl, outcome) => {
    expect(lookAtMediaHosts(hosts, queueUrl).outcome).toBe(outcome);
  });
});

describe("fal's price", () => {
  const defaultModel = defaultRegistry().get('gpt-image-1-mini');
  const flare = defaultRegistry().get('gpt-image-2.5-flare');
  const flat: Model = {
    ...defaultModel,
    price: { kind: 'flat', microUsdPerImage: 40_000, roundUpToMicroUsd: 1 },
  };

  it.each([
    [defaultModel, { microUsd: 10_000, unit: 'cents' }, 'ok'],
    [defaultModel, { microUsd: 20_000, unit: 'cents' }, 'warning'],
    [defaultModel, { microUsd: 11_000, unit: 'image' }, 'ok'],
    [defaultModel, { microUsd: 60_000, unit: 'images' }, 'warning'],
    [flare, { microUsd: 1_000_000, unit: 'units' }, 'ok'],
    [flare, { microUsd: 1_100_000, unit: 'units' }, 'warning'],
    [flat, { microUsd: 40_000, unit: 'image' }, 'ok'],
    [flat, { microUsd: 41_000, unit: 'image' }, 'warning'],
    [flat, { microUsd: 40_000, unit: 'megapixels' }, 'warning'],
    [flat, undefined, 'warning'],
  ])('is compared as far as it can be, case %#', (model, price, outcome) => {
    expect(comparePrice(model, price).outcome).toBe(outcome);
  });
});

describe('the machine', () => {
  it.each([
    ['v18.20.0', 'fault'],
    ['v20.20.2', 'warning'],
    ['v21.0.0', 'warning'],
    ['v22.12.0', 'ok'],
    ['v24.1.0', 'ok'],
    ['v25.0.0', 'ok'],
    ['none', 'fault'],
  ])('with Node %s is: %s', (version, outcome) => {
    expect(lookAtNode(version, NOW).outcome).toBe(outcome);
  });

  it('is told its caps, and that it has none', () => {
    expect(lookAtCaps({ daily: 5_000_000, monthly: undefined })).toMatchObject({
      outcome: 'ok',
      message: expect.stringContaining('$5.00 a day'),
    });
    expect(lookAtCaps(NO_CAPS)).toMatchObject({
      outcome: 'ok',
      message: expect.stringContaining('DAILY_CAP_USD'),
    });
  });

  it('needs room on its disk', () => {
    expect([50_000_000, 1_000_000_000, 9_000_000_000].map((free) => lookAtDisk(free).outcome)).toEqual([
      'fault',
      'warning',
      'ok',
    ]);
  });
});

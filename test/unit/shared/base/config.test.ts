import { describe, expect, it } from '@jest/globals';
import { readConfig, SETTINGS, secretsOf } from '../../../../src/shared/base/config.ts';

describe('the settings', () => {
  it('have their defaults where nothing is set, and an empty variable counts as unset', () => {
    const nothing = readConfig({});
    expect(nothing).toMatchObject({
      fal: {
        key: undefined,
        queueUrl: 'https://queue.fal.run',
        apiUrl: 'https://api.fal.ai',
        mediaHosts: ['fal.media', '*.fal.media'],
        concurrency: 2,
        submitRate: { max: 10, durationMs: 1_000 },
        startTimeoutS: 600,
        unknownMarginS: undefined,
      },
      redis: { url: undefined, prefix: '{shotlist}' },
      caps: { daily: undefined, monthly: undefined },
      confirmOver: 5_000_000,
      recordTtlH: 72,
      stopAfterFailures: 5,
    });
    expect(readConfig(Object.fromEntries(Object.keys(SETTINGS).map((name) => [name, ' '])))).toEqual(nothing);
  });

  it('are read', () => {
    const config = readConfig({
      FAL_KEY: ' key ',
      FAL_QUEUE_URL: 'http://127.0.0.1:4100/',
      FAL_MEDIA_HOSTS: 'FAL.media, 127.0.0.1:4100,[::1]:80',
      FAL_CONCURRENCY: '40',
      FAL_SUBMIT_RATE: '300/m',
      DAILY_CAP_USD: '2.50',
      S3_PREFIX: 'shop',
      S3_ENDPOINT: 'http://127.0.0.1:9000',
      RENDER_CONCURRENCY: '3',
    });
    expect(config.fal).toMatchObject({
      key: 'key',
      queueUrl: 'http://127.0.0.1:4100',
      mediaHosts: ['fal.media', '127.0.0.1:4100', '[::1]:80'],
      concurrency: 40,
      submitRate: { max: 300, durationMs: 60_000 },
    });
    expect(config.caps.daily).toBe(2_500_000);
    expect(config.s3).toMatchObject({ prefix: 'shop/', forcePathStyle: true });
    expect(config.renderConcurrency).toBe(3);
  });

  it('that are wrong are named in one error, every one of them, and without their values', () => {
    const bad = {
      FAL_QUEUE_URL: 'queue.fal.run',
      FAL_MEDIA_HOSTS: 'https://fal.media',
      FAL_CONCURRENCY: '0',
      FAL_SUBMIT_RATE: '10 per second',
      FAL_START_TIMEOUT_S: '1.5',
      REDIS_URL: 'http://user:hidden-password@redis',
      REDIS_PREFIX: 'a:b',
      S3_BUCKET: 'Bucket_',
      S3_PREFIX: 'a b',
      DAILY_CAP_USD: '-1',
      RECORD_TTL_H: '0',
      LOG_LEVEL: 'loud',
      HEALTH_PORT: '70000',
    };
    let message = '';
    try {
      readConfig(bad);
    } catch (error) {
      message = error instanceof Error ? error.message : '';
      expect(error).toMatchObject({ name: 'UserError', code: 'bad_settings' });
    }
    for (const name of Object.keys(bad)) expect(message).toContain(name);
    expect(message).not.toContain('hidden-password');
  });

  it.each(['../x', '.', 'a/../b', 'a//b', `${'a'.repeat(64)}!`])(
    'refuse %s as a prefix of keys',
    (prefix) => {
      expect(() => readConfig({ S3_PREFIX: prefix })).toThrow(/S3_PREFIX must be names/);
    },
  );

  it.each(['../x', 'a/../b', '.', `${'a'.repeat(60)}!`])('refuse the key prefix %s, at once', (prefix) => {
    expect(() => readConfig({ S3_PREFIX: prefix })).toThrow('S3_PREFIX');
  });

  it('hold secrets, which are known by name: keys, and the password inside the address of Redis', () => {
    expect(
      secretsOf({
        FAL_KEY: 'fal-key',
        FAL_ADMIN_KEY: ' admin-key ',
        AWS_SECRET_ACCESS_KEY: 'aws-secret',
        AWS_SESSION_TOKEN: 'aws-token',
        REDIS_URL: 'rediss://user:p%40ss@redis:6380',
        S3_BUCKET: 'bucket',
      }),
    ).toEqual(
      ['fal-key', 'admin-key', 'aws-secret', 'aws-token', 'user:p@ss', 'p@ss'].flatMap((secret) => [
        secret,
        Buffer.from(secret).toString('base64'),
      ]),
    );
    expect(secretsOf({ REDIS_URL: 'redis://localhost', FAL_KEY: '' })).toEqual([]);
  });
});

describe('addresses', () => {
  it.each([
    ['FAL_QUEUE_URL', 'http://queue.example', 'https'],
    ['FAL_API_URL', 'http://10.0.0.1:8080', 'https'],
    ['FAL_QUEUE_URL', 'https://user@queue.example', 'user name'],
    ['S3_ENDPOINT', 'http://user:HUNTER2@minio:9000', 'user name'],
    ['REDIS_URL', 'redis://:100%@redis:6379', 'write %25'],
  ])('refuse %s=%s in one sentence without what it holds', (name, value, why) => {
    const refused = () => readConfig({ [name]: value });
    expect(refused).toThrow(why);
    expect(refused).not.toThrow('HUNTER2');
  });

  it('take plain http to this machine, and a password of Redis', () => {
    const { fal, redis } = readConfig({
      FAL_QUEUE_URL: 'http://127.0.0.1:9000',
      FAL_API_URL: 'http://localhost:9000',
      REDIS_URL: 'redis://user:p%25w@redis:6379',
    });
    expect([fal.queueUrl, fal.apiUrl, redis.url]).toEqual([
      'http://127.0.0.1:9000',
      'http://localhost:9000',
      'redis://user:p%25w@redis:6379',
    ]);
  });
});

describe('secrets', () => {
  it('are known whole, by halves and as base64', () => {
    const found = secretsOf({
      FAL_KEY: 'keyid-1234:SECRETSECRET99',
      REDIS_URL: 'redis://user:p%25word@redis',
    });
    for (const text of [
      'keyid-1234:SECRETSECRET99',
      'SECRETSECRET99',
      'keyid-1234',
      Buffer.from('keyid-1234:SECRETSECRET99').toString('base64'),
      'p%word',
      'user:p%word',
    ])
      expect(found).toContain(text);
    expect(() => secretsOf({ REDIS_URL: 'redis://:100%@redis' })).not.toThrow();
  });
});

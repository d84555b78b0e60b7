import { describe, expect, it } from '@jest/globals';
import {
  encryptionCheck,
  encryptionWarnings,
  isPrivateHost,
} from '../../../../src/operations/doctor/encryption.ts';

const SAFE = { redisUrl: undefined, s3Endpoint: undefined, rejectUnauthorized: undefined };

describe('a host in a private network', () => {
  it.each([
    'localhost',
    '127.0.0.1',
    '[::1]',
    '10.1.2.3',
    '192.168.0.9',
    '172.16.0.1',
    '100.64.0.1',
    '169.254.1.1',
    '[fd00::1]',
    '[fe80::1]',
    'redis',
    'minio.',
    'cache.shop.internal',
    'redis.default.svc.cluster.local',
    'CACHE.LOCAL',
  ])('%s is one', (host) => expect(isPrivateHost(host)).toBe(true));

  it.each([
    '8.8.8.8',
    '[2606:4700::1111]',
    '[::ffff:8.8.8.8]',
    'redis.example.com',
    'redis.example.com.',
    'internal.example.com',
    '10.example.com',
    'notlocal.xlocal.shop',
  ])('%s is none', (host) => expect(isPrivateHost(host)).toBe(false));
});

describe('an unencrypted connection', () => {
  it.each([
    [{ redisUrl: 'redis://:pass-word@redis.example.com:6379' }, 'rediss://'],
    [{ redisUrl: 'redis://redis.example.com' }, 'rediss://'],
    [{ redisUrl: 'redis://u:pass-word@8.8.8.8' }, 'rediss://'],
    [{ s3Endpoint: 'http://s3.example.com' }, 'https://'],
    [{ rejectUnauthorized: '0' }, 'NODE_TLS_REJECT_UNAUTHORIZED'],
  ])('is warned of: %j', async (bad, says) => {
    const [warning, ...more] = encryptionWarnings({ ...SAFE, ...bad });
    expect(more).toEqual([]);
    expect(warning).toContain(says);
    expect(warning).not.toContain('pass-word');
    const found = await encryptionCheck({ ...SAFE, ...bad }).look(new AbortController().signal);
    expect(found.outcome).toBe('warning');
  });

  it.each([
    SAFE,
    { ...SAFE, redisUrl: 'rediss://:p@redis.example.com' },
    { ...SAFE, redisUrl: 'redis://:p@redis:6379' },
    { ...SAFE, redisUrl: 'redis://:p@127.0.0.1:6379' },
    { ...SAFE, s3Endpoint: 'https://s3.example.com' },
    { ...SAFE, s3Endpoint: 'http://minio:9000' },
    { ...SAFE, rejectUnauthorized: '1' },
    { ...SAFE, rejectUnauthorized: '' },
  ])('is none of %j', async (connections) => {
    expect(encryptionWarnings(connections)).toEqual([]);
    const { outcome } = await encryptionCheck(connections).look(new AbortController().signal);
    expect(outcome).toBe('ok');
  });
});

import { describe, expect, it } from '@jest/globals';
import {
  helpCommand,
  isNewEnough,
  packagesToFetch,
  parseVersion,
} from '../../../scripts/setup/redis-server.mjs';

describe('set-up of a redis-server', () => {
  it.each([
    ['Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64', true],
    ['Valkey server v=8.0.1 sha=00000000:0', true],
    ['Redis server v=6.2.0 sha=0', true],
    ['Redis server v=6.0.16 sha=0', false],
    ['Redis server v=5.0.7 sha=0', false],
    ['command not found', false],
  ])('judges "%s"', (text, expected) => {
    expect(isNewEnough(parseVersion(text))).toBe(expected);
  });

  it('fetches the server, its tools and only those libraries that the system has not', () => {
    const output = [
      'redis-server',
      '  Depends: redis-tools',
      ' |Depends: lsb-base',
      '<debconf-2.0>',
      'redis-tools',
      '  Depends: libc6',
      'libc6',
      'libjemalloc2:amd64',
      'lua-cjson',
      'adduser',
    ].join('\n');
    expect(packagesToFetch(output, new Set(['libc6']))).toEqual([
      'redis-server',
      'redis-tools',
      'libjemalloc2',
      'lua-cjson',
    ]);
  });

  it('still knows the two main packages when apt knows nothing', () => {
    expect(packagesToFetch('', new Set())).toEqual(['redis-server', 'redis-tools']);
  });

  it.each([
    ['darwin', ['brew'], 'brew install redis'],
    ['darwin', [], 'brew install redis'],
    ['linux', ['apk'], 'apk add redis'],
    ['linux', ['dnf', 'yum'], 'dnf install redis'],
    ['linux', ['pacman'], 'pacman -S redis'],
    ['win32', [], 'WSL'],
    ['linux', [], 'redis.io'],
  ])('on %s with %j names what helps', (platform, tools, expected) => {
    const sentence = helpCommand(platform, tools);
    expect(sentence).toContain(expected);
    expect(sentence).toContain('npm run setup');
  });
});

import { describe, expect, it } from '@jest/globals';
import { isInstalled, lockDigest, nodeComplaint } from '../../../scripts/setup/packages.mjs';

const host = { platform: 'linux', arch: 'x64', libc: 'glibc' };
const lock = {
  packages: {
    '': { version: '0.1.0' },
    'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' },
    'node_modules/a-linux': {
      version: '1.0.0',
      integrity: 'sha512-l',
      optional: true,
      os: ['linux'],
      cpu: ['x64'],
    },
    'node_modules/a-mac': { version: '1.0.0', integrity: 'sha512-m', optional: true, os: ['darwin'] },
    'node_modules/a-musl': {
      version: '1.0.0',
      integrity: 'sha512-u',
      optional: true,
      os: ['linux'],
      libc: ['musl'],
    },
    'node_modules/a-not-linux': { version: '1.0.0', integrity: 'sha512-n', optional: true, os: ['!linux'] },
    'node_modules/wasm-help': { version: '1.0.0', integrity: 'sha512-w', optional: true },
  },
};
const complete = {
  packages: {
    'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' },
    'node_modules/a-linux': { version: '1.0.0', integrity: 'sha512-l' },
  },
};

describe('set-up of packages', () => {
  it('needs nothing when all that this machine needs is there', () => {
    expect(isInstalled(lock, complete, host)).toBe(true);
  });

  it.each([
    ['a package is missing', { packages: {} }],
    ['another version is there', with_('node_modules/a', { version: '0.9.0', integrity: 'sha512-a' })],
    ['other content is there', with_('node_modules/a', { version: '1.0.0', integrity: 'sha512-x' })],
    ['the build for this machine is missing', with_('node_modules/a-linux', undefined)],
    ['npm wrote no list', {}],
  ])('installs when %s', (_why, installed) => {
    expect(isInstalled(lock, installed, host)).toBe(false);
  });

  it('installs when the packages were installed on another kind of machine', () => {
    expect(isInstalled(lock, complete, { ...host, libc: 'musl' })).toBe(false);
    expect(isInstalled(lock, complete, { platform: 'darwin', arch: 'arm64', libc: 'glibc' })).toBe(false);
    expect(lockDigest('{}', host)).not.toBe(lockDigest('{}', { ...host, arch: 'arm64' }));
    expect(lockDigest('{}', host)).not.toBe(lockDigest('{ }', host));
  });

  it.each(['20.19.0', '20.20.2', '22.1.0', '24.0.0'])('takes Node %s', (version) => {
    expect(nodeComplaint(version, '>=20.19')).toBeUndefined();
  });

  it.each(['18.20.0', '20.18.3'])('says what to install instead of Node %s', (version) => {
    expect(nodeComplaint(version, '>=20.19')).toBe(
      `Shotlist needs Node 20.19 or newer and this is ${version}: install a newer one, for example from nodejs.org.`,
    );
  });
});

function with_(path: string, entry: object | undefined) {
  return { packages: { ...complete.packages, [path]: entry } };
}

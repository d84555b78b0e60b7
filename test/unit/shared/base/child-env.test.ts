import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { environmentFor as environmentForScripts } from '../../../../scripts/setup/child-env.mjs';
import { environmentFor } from '../../../../src/shared/base/child-env.ts';
import { ROOT } from '../../../support/docs.ts';

const PARENT = {
  PATH: '/usr/bin',
  HOME: '/home/a',
  TZ: 'Europe/Berlin',
  NODE_EXTRA_CA_CERTS: '/ca.pem',
  NODE_AUTH_TOKEN: 'npm-token',
  NPM_TOKEN: 'npm-token',
  npm_config_registry: 'https://registry.example',
  HTTPS_PROXY: 'http://proxy.example',
  FAL_KEY: 'fal',
  FAL_ADMIN_KEY: 'admin',
  WEBHOOK_SECRET: 'hook',
  REDIS_URL: 'redis://:password@redis',
  AWS_ACCESS_KEY_ID: 'id',
  AWS_SECRET_ACCESS_KEY: 'aws',
  AWS_PROFILE: 'shop',
  DATABASE_URL: 'postgres://:password@db',
  UNSET: undefined,
};
const SYSTEM = ['PATH', 'HOME', 'TZ'];
const AWS = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_PROFILE'];

const source = (path: string) => readFileSync(join(ROOT, path), 'utf8');

/** A start of a child process, with all that stands between its brackets. */
function startsIn(text: string): readonly string[] {
  const pattern = /\b(?:spawn|spawnSync|fork|exec|execSync|execFile|execFileSync)\(/g;
  return [...text.matchAll(pattern)].flatMap(({ index, 0: head }) => {
    // `pattern.exec(text)` is no start of a process.
    if (text[index - 1] === '.') return [];
    let depth = 0;
    for (let at = index + head.length - 1; at < text.length; at += 1) {
      if (text[at] === '(') depth += 1;
      if (text[at] === ')') depth -= 1;
      if (depth === 0) return [text.slice(index, at + 1)];
    }
    return [];
  });
}

describe('the environment of a child process', () => {
  it('holds what its kind needs, and no secret that it does not need', () => {
    expect(Object.keys(environmentFor('program', PARENT))).toEqual(SYSTEM);
    expect(Object.keys(environmentFor('node', PARENT))).toEqual([...SYSTEM, 'NODE_EXTRA_CA_CERTS']);
    expect(Object.keys(environmentFor('node-with-s3', PARENT))).toEqual([
      ...SYSTEM,
      'NODE_EXTRA_CA_CERTS',
      ...AWS,
    ]);
  });

  it('holds for a script what fetches packages or runs the tests, and no key of fal', () => {
    expect(environmentForScripts('program', PARENT)).toEqual(environmentFor('program', PARENT));
    expect(Object.keys(environmentForScripts('fetch', PARENT))).toEqual([
      ...SYSTEM,
      'NODE_EXTRA_CA_CERTS',
      'NODE_AUTH_TOKEN',
      'NPM_TOKEN',
      'npm_config_registry',
      'HTTPS_PROXY',
    ]);
    expect(Object.keys(environmentForScripts('tests', PARENT))).toEqual([
      ...SYSTEM,
      'AWS_ACCESS_KEY_ID',
      'AWS_SECRET_ACCESS_KEY',
    ]);
  });

  it('is the same list of names in src and in scripts', () => {
    const listOf = (path: string) => /const PROGRAM = (\[[^\]]+\])/.exec(source(path))?.[1];
    expect(listOf('src/shared/base/child-env.ts')).toBe(listOf('scripts/setup/child-env.mjs'));
    expect(listOf('src/shared/base/child-env.ts')).toContain('PATH');
  });

  it('is chosen at every start of a process in src and scripts', () => {
    const files = ['src', 'scripts'].flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => /\.(ts|mjs)$/.test(name))
        .map((name) => `${folder}/${name}`),
    );
    const starts = files.flatMap((file) => startsIn(source(file)).map((call) => ({ file, call })));
    const unchosen = starts.filter(({ call }) => !/\benv: (\{ \.\.\.)?environmentFor\(/.test(call));
    expect(starts.length).toBeGreaterThan(12);
    // The demo starts the program itself, whose environment the user has set.
    expect(unchosen.map(({ file }) => file)).toEqual(['scripts/demo.mjs']);
    // BullMQ forks the render children; work.ts hands it their environment.
    const forking = files.filter((file) => source(file).includes('workerForkOptions:'));
    expect(forking).toEqual(['src/worker/workers.ts']);
    expect(source('src/app/worker.ts')).toMatch(/environment: \{\s+\.\.\.environmentFor\(/);
  });
});

import { execFile } from 'node:child_process';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { SETTINGS } from '../../../src/shared/base/config.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const root = join(import.meta.dirname, '../../..');
const read = (name: string) => readFile(join(root, name), 'utf8');
const compose = await read('docker-compose.yml');
const dockerfile = await read('Dockerfile');
const example = await read('.env.example');

const PINNED = /^\S+:[\w.-]*\d[\w.-]*@sha256:[0-9a-f]{64}$/;
/** The linter's exit code; it validates against the schema of compose files, offline. */
async function lint(text: string): Promise<{ code: number; output: string }> {
  await using folder = await tempFolder();
  await copyFile(join(root, '.dclintrc'), join(folder.path, '.dclintrc'));
  await writeFile(join(folder.path, 'docker-compose.yml'), text);
  const args = [
    join(root, 'node_modules/dclint/bin/dclint.cjs'),
    '--max-warnings',
    '0',
    'docker-compose.yml',
  ];
  try {
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder.path });
    return { code: 0, output: stdout };
  } catch (error) {
    const failed = error as { code?: number; stdout?: string };
    return { code: failed.code ?? -1, output: failed.stdout ?? '' };
  }
}

describe('docker-compose.yml', () => {
  it('has no fault that the linter knows', async () => {
    expect(await lint(compose)).toEqual({ code: 0, output: expect.any(String) });
  });

  it('would not pass with a port open to the world, or a key that compose does not have', async () => {
    const open = await lint(compose.replace('"127.0.0.1:9000:9000"', '"9000:9000"'));
    expect(open.code).not.toBe(0);
    expect(open.output).toContain('no-unbound-port-interfaces');
    const unknown = await lint(compose.replace('restart: unless-stopped', 'restarts: unless-stopped'));
    expect(unknown.output).toContain('invalid-schema');
  });

  it('pins every image by tag and digest', () => {
    const images = [...compose.matchAll(/^ {4}image: (.+)$/gm)].map(([, image]) => image);
    expect(images).toHaveLength(4);
    expect(new Set(images).size).toBe(2);
    for (const image of images) expect(image).toMatch(PINNED);
  });

  it('publishes ports on the loopback interface alone', () => {
    const ports = [...compose.matchAll(/^ {6}- "([\d.:]+:\d+)"$/gm)].map(([, port]) => port ?? '');
    expect(ports.length).toBeGreaterThan(0);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  it('lets Redis lose nothing and evict nothing', () => {
    expect(compose).toMatch(/--appendonly\n +- "yes"\n +- --appendfsync\n +- always\n/);
    expect(compose).toMatch(/--maxmemory-policy\n +- noeviction\n/);
  });

  it('takes the key from .env and says if it is missing, and every other secret from a file', () => {
    expect(compose).toMatch(/FAL_KEY: \$\{FAL_KEY:\?Set FAL_KEY in \.env/);
    for (const line of compose.split('\n').filter((each) => /KEY|PASSWORD|SECRET/.test(each))) {
      if (/^\s*[A-Z_]+: /.test(line))
        expect(line).toMatch(/ FAL_KEY: \$\{FAL_KEY:\?|_FILE: \/run\/secrets\//);
    }
  });
});

describe('each service of docker-compose.yml', () => {
  const services = compose.slice(compose.indexOf('\nservices:\n'), compose.indexOf('\nvolumes:\n'));
  const each = services.split(/\n(?= {2}[a-z]+:\n)/).slice(1);
  const named = each.map((text) => [/^ {2}([a-z]+):/.exec(text)?.[1] ?? '', text] as const);

  it.each(named)('%s has no capability and limits of memory, processes and temporary files', (_, text) => {
    expect(text).toMatch(/\n {4}cap_drop: (&|\*)no-capability\n/);
    expect(text).toMatch(/\n {4}security_opt: (&|\*)no-new-privileges\n/);
    expect(text).toMatch(/\n {4}mem_limit: \d+[mg]\n/);
    expect(text).toMatch(/\n {4}pids_limit: \d+\n/);
    const [, mounts = ''] = /\n {4}tmpfs:\n((?: {6}- .+\n)+)/.exec(text) ?? [];
    for (const mount of mounts.split('\n').filter((line) => line !== ''))
      expect(mount).toMatch(/:size=\d+[mg]$/);
    expect(text.includes('tmpfs:')).toBe(mounts !== '');
  });

  it.each(named)('%s sees the secrets that it needs alone', (name, text) => {
    const seen = [...text.matchAll(/ {6}- (\w+)-secrets:/g)].map(([, secrets]) => secrets);
    const needed: Record<string, string[]> = {
      secrets: ['redis', 'minio', 'worker'],
      bucket: ['minio'],
    };
    expect(seen).toEqual(needed[name] ?? [name]);
  });

  it('there are five', () => {
    expect(named.map(([name]) => name)).toEqual(['secrets', 'redis', 'minio', 'bucket', 'worker']);
  });
});

describe('.env.example', () => {
  const names = [...example.matchAll(/^(?:# )?([A-Z][A-Z0-9_]+)=(.*)$/gm)];

  it('names every variable that compose reads', () => {
    const wanted = new Set([...compose.matchAll(/\$\{([A-Z0-9_]+)/g)].map(([, name]) => name));
    expect(names.map(([, name]) => name)).toEqual(expect.arrayContaining([...wanted]));
  });

  it('names nothing that nobody reads', () => {
    for (const [, name] of names) expect(Object.keys(SETTINGS)).toContain(name);
  });

  it('holds no value but in a comment', () => {
    for (const [line, , value] of names) if (!line.startsWith('#')) expect(value).toBe('');
  });
});

describe('the Dockerfile', () => {
  it('starts from one image, pinned by tag and digest, of Node 24', () => {
    const [, image] = /^ARG NODE_IMAGE=(\S+)$/m.exec(dockerfile) ?? [];
    expect(image).toMatch(PINNED);
    expect(image).toMatch(/^node:24\./);
    const stages = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, from]) => from);
    for (const from of stages) expect(from).toMatch(/^\$\{NODE_IMAGE\}$/);
    expect(stages.length).toBeGreaterThan(1);
  });

  it('runs node itself as the worker, not as root', () => {
    const last = dockerfile.slice(dockerfile.lastIndexOf('\nFROM'));
    expect(last).toContain('\nUSER node\n');
    expect(last).toContain('\nENTRYPOINT ["node", "dist/cli/main.js"]\nCMD ["worker"]\n');
    expect(last).not.toMatch(/\bnpm\b/);
  });

  it('copies what .dockerignore lets through, and nothing else is let through', async () => {
    const ignore = (await read('.dockerignore'))
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    const passed = ignore.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, from]) =>
      (from ?? '').split(' '),
    );
    expect(ignore[0]).toBe('*');
    expect(new Set(passed)).toEqual(new Set(copied));
  });
});

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { findRedisServer } from '../../../src/local/redis-binary.ts';
import { projectRoot } from '../../../src/shared/base/project-root.ts';
import { openRedis } from '../../../src/shared/redis/redis.ts';
import { freePort } from '../../support/free-port.ts';
import { ROOT } from '../../support/program.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const run = promisify(execFile);
const script = (name: string) => join(ROOT, 'scripts/compose', name);

/** The volumes as the one-shot service leaves them. */
async function makeSecrets(folder: string): Promise<Record<string, string>> {
  for (const name of ['redis', 'minio', 'worker']) await mkdir(join(folder, name), { recursive: true });
  await run('sh', [script('secrets.sh'), folder]);
  const files = (await readdir(folder, { recursive: true })).filter((name) => name.includes('/'));
  const texts = await Promise.all(
    files.map(async (name) => [name, await readFile(join(folder, name), 'utf8')]),
  );
  return Object.fromEntries(texts);
}

describe('the passwords of the compose project', () => {
  it('are made once, each another, and a worker has no one’s but its own', async () => {
    await using folder = await tempFolder();
    await using other = await tempFolder();
    const first = await makeSecrets(folder.path);
    expect(await makeSecrets(folder.path)).toEqual(first);
    const passwords = [first['redis/password'], first['minio/root-password'], first['minio/worker-password']];
    for (const password of passwords) expect(password).toMatch(/^[0-9a-f]{48}$/);
    const others = await makeSecrets(other.path);
    expect(new Set([...passwords, others['redis/password']]).size).toBe(4);
    const worker = `${first['worker/redis-password']}${first['worker/aws-credentials']}`;
    expect(worker).toContain(`aws_secret_access_key = ${first['minio/worker-password']}`);
    expect(worker).not.toContain(first['minio/root-password']);
  });

  it('are none at all where there are no random bytes', async () => {
    await using folder = await tempFolder();
    await mkdir(join(folder.path, 'redis'));
    await writeFile(join(folder.path, 'od'), '#!/bin/sh\n', { mode: 0o755 });
    const env = { PATH: `${folder.path}:${process.env['PATH'] ?? ''}` };
    await expect(run('sh', [script('secrets.sh'), folder.path], { env })).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('No random bytes'),
    });
    expect(await readdir(join(folder.path, 'redis'))).not.toContain('redis.conf');
  });

  it('let a worker into the Redis that they are for, and nobody else', async () => {
    await using folder = await tempFolder();
    await makeSecrets(folder.path);
    const port = await freePort();
    const command = findRedisServer({ root: projectRoot() }) ?? '';
    const conf = join(folder.path, 'redis/redis.conf');
    const server = spawn(command, [conf, '--port', String(port), '--bind', '127.0.0.1', '--save', ''], {
      cwd: folder.path,
    });
    try {
      for await (const line of createInterface({ input: server.stdout }))
        if (line.includes('Ready to')) break;
      const said = join(folder.path, 'said.mjs');
      await writeFile(said, 'console.log(process.env.REDIS_URL, ...process.argv.slice(2))');
      const { stdout } = await run('sh', [script('worker.sh'), 'status', 'a b'], {
        env: { ...process.env, SECRETS: join(folder.path, 'worker'), PROGRAM: said },
      });
      const [url = '', ...args] = stdout.trim().split(' ');
      expect(args.join(' ')).toBe('status a b');
      expect(url).toMatch(/^redis:\/\/:[0-9a-f]{48}@redis:6379$/);
      const here = url.replace('redis:6379', `127.0.0.1:${port}`);
      const client = await openRedis(here);
      expect(await client.ping()).toBe('PONG');
      client.disconnect();
      await expect(openRedis(`redis://127.0.0.1:${port}`)).rejects.toThrow();
    } finally {
      server.kill('SIGKILL');
      await once(server, 'close');
    }
  });

  it('give the workers’ user of MinIO the rights of docs/security.md on the one bucket, twice without a fault', async () => {
    await using folder = await tempFolder();
    const secrets = await makeSecrets(folder.path);
    const bin = join(folder.path, 'bin');
    await mkdir(bin);
    const calls = join(folder.path, 'calls');
    const info = join(folder.path, 'attached');
    // MinIO's client cannot be had here: what it is told is written down, and it knows whether the policy is attached.
    const mc = `#!/bin/sh
echo "$MC_HOST_store mc $*" >> '${calls}'
case "$*" in
  *"policy attach"*) [ ! -f '${info}' ] || exit 1; touch '${info}' ;;
  *"user info"*) [ ! -f '${info}' ] || echo 'PolicyName: shotlist-worker' ;;
esac
`;
    await writeFile(join(bin, 'mc'), mc, { mode: 0o755 });
    const env = {
      PATH: `${bin}:${process.env['PATH'] ?? ''}`,
      TMPDIR: folder.path,
      SECRETS: join(folder.path, 'minio'),
      S3_BUCKET: 'pictures',
    };
    for (let at = 0; at < 2; at += 1) await run('sh', [script('bucket.sh')], { env });
    const told = (await readFile(calls, 'utf8')).trim().split('\n');
    expect(told.filter((line) => line.includes('policy attach'))).toHaveLength(1);
    const root = `http://shotlist-root:${secrets['minio/root-password']}@minio:9000 mc `;
    for (const line of told) expect(line.startsWith(root)).toBe(true);
    expect(told.slice(0, 5).map((line) => line.slice(root.length))).toEqual([
      'mb --ignore-existing store/pictures',
      `admin policy create store shotlist-worker ${join(folder.path, 'policy.json')}`,
      `admin user add store shotlist-worker ${secrets['minio/worker-password']}`,
      'admin user info store shotlist-worker',
      'admin policy attach store shotlist-worker --user shotlist-worker',
    ]);
    const policy = JSON.parse(await readFile(join(folder.path, 'policy.json'), 'utf8'));
    const page = await readFile(join(ROOT, 'docs/security.md'), 'utf8');
    const documented = JSON.parse(
      (/```json\n(.+?)```/s.exec(page)?.[1] ?? '').replaceAll('BUCKET', 'pictures'),
    );
    expect(listed(policy)).toEqual(listed(documented));
  });
});

interface Policy {
  readonly Statement: readonly { Effect: string; Action: string | string[]; Resource: string | string[] }[];
}

/** A single right may be written without brackets. */
function listed({ Statement }: Policy) {
  return Statement.map(({ Effect, Action, Resource }) => [Effect, [Action].flat(), [Resource].flat()]);
}

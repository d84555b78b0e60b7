import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { testFal } from '../support/fal.ts';
import { program, startProgram, when, workplace } from '../support/program.ts';
import { listOf, realEnv } from '../support/program-fal.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';

const CANARIES = {
  FAL_KEY: 'canary-fal-0b1c2d3e:4f5a6b7c',
  FAL_ADMIN_KEY: 'canary-admin-1a2b3c4d',
  AWS_ACCESS_KEY_ID: 'AKIACANARY0000000000',
  AWS_SECRET_ACCESS_KEY: 'canary/aws+secret/5e6f7a8b',
  AWS_SESSION_TOKEN: 'canary-session-9c8d7e6f',
  WEBHOOK_SECRET: 'canary-webhook-8b7a6f5e',
};
/** The access key id is a name and no secret. */
const SECRETS = [
  CANARIES.FAL_KEY,
  CANARIES.FAL_ADMIN_KEY,
  CANARIES.AWS_SECRET_ACCESS_KEY,
  CANARIES.AWS_SESSION_TOKEN,
  CANARIES.WEBHOOK_SECRET,
];

/** Every place at which one of the texts stands. */
function placesOf(texts: ReadonlyMap<string, string>, secrets: readonly string[]): readonly string[] {
  return [...texts].flatMap(([place, text]) =>
    secrets.flatMap((secret) =>
      [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)].some((form) =>
        text.includes(form),
      )
        ? [`${place}: ${secret}`]
        : [],
    ),
  );
}

async function dumpRedis({ client, prefix }: TestRedis): Promise<ReadonlyMap<string, string>> {
  const dump = new Map<string, string>();
  let cursor = '0';
  do {
    const [next, keys] = await client.scan(cursor, 'MATCH', `${prefix}*`, 'COUNT', 1_000);
    for (const key of keys)
      dump.set(`redis ${key}`, `${key} ${JSON.stringify(await contentOf(client, key))}`);
    cursor = next;
  } while (cursor !== '0');
  return dump;
}

async function contentOf(client: Redis, key: string): Promise<unknown> {
  switch (await client.type(key)) {
    case 'string':
      return await client.get(key);
    case 'hash':
      return await client.hgetall(key);
    case 'list':
      return await client.lrange(key, 0, -1);
    case 'set':
      return await client.smembers(key);
    case 'zset':
      return await client.zrange(key, '0', '-1');
    case 'stream':
      return await client.xrange(key, '-', '+');
    default:
      // Gone meanwhile.
      return undefined;
  }
}

function filesIn(folder: string): ReadonlyMap<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return new Map(
    files.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [path, `${path} ${readFileSync(path, 'latin1')}`];
    }),
  );
}

describe('secrets', () => {
  it('no key, secret or signed address stands in an output, in Redis or in the store, whatever fails', async () => {
    await using redis = await testRedis();
    await using fal = await testFal({
      key: CANARIES.FAL_KEY,
      adminKey: CANARIES.FAL_ADMIN_KEY,
      latencyMs: 300,
    });
    await using at = await workplace();
    const env = {
      ...realEnv(fal, redis),
      ...CANARIES,
      LOG_LEVEL: 'debug',
      FAL_UNKNOWN_MARGIN_S: '0',
      FAL_START_TIMEOUT_S: '1',
    };
    const options = { cwd: at.path, env };
    const outputs = new Map<string, string>();
    const note = (name: string, ran: { stdout: string; stderr: string }) =>
      outputs.set(name, `${ran.stdout}\n${ran.stderr}`);

    // An error body that echoes the headers is the worst that a service can do.
    const echo = { detail: `bad header authorization: Key ${CANARIES.FAL_KEY}` };
    fal.faults.add({ on: 'submit', kind: 'accepted-then-reset', times: 1 });
    fal.faults.add({ on: 'submit', kind: 'reset', times: 1 });
    fal.faults.add({ on: 'submit', kind: 'status', status: 400, body: echo, times: 1 });
    fal.faults.add({ on: 'status', kind: 'reset', times: 2 });
    fal.faults.add({ on: 'result', kind: 'status', status: 500, body: echo, times: 1 });
    fal.faults.add({ on: 'media', kind: 'redirect', times: 1 });
    fal.faults.add({ on: 'media', kind: 'reset', times: 1 });
    const run = ['run', await listOf(at.path, 8), '--json', '--batch', 'faults'];
    await using running = startProgram(run, options);
    await when(() => fal.book.charged().length >= 4 || running.child.exitCode !== null);
    // What is left is found by the next run; here only what was written matters.
    running.child.kill('SIGTERM');
    note('run', await running.ended);

    fal.faults.clear();
    fal.faults.add({ on: 'submit', kind: 'status', status: 401, body: echo });
    note('refused', await program(['run', '--prompt', 'A mug', '--batch', 'refused', '--json'], options));
    for (const args of [['status'], ['export', 'faults'], ['ledger'], ['status', 'refused']]) {
      note(args.join(' '), await program(args, options));
    }
    const wrongRedis = 'redis://user:canary-redis-pass@127.0.0.1:1';
    note('redis', await program(['status'], { ...options, env: { ...env, REDIS_URL: wrongRedis } }));

    const all = new Map([...outputs, ...(await dumpRedis(redis)), ...filesIn(at.path)]);
    expect(all.size).toBeGreaterThan(30);
    expect(placesOf(all, [...SECRETS, 'canary-redis-pass', new URL(redis.url).password])).toEqual([]);
    // The fault codes must have been seen for this to prove anything.
    expect(outputs.get('run')).toContain('[secret]');
    expect(outputs.get('refused')).toContain('held');
    const signed = [...all].filter(([, text]) => /\?[^\s"']*(?:X-Amz-Signature|token|sig)=/i.test(text));
    expect(signed.map(([place]) => place)).toEqual([]);
  }, 120_000);
});

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { claimGeneration, readGeneration } from '../../../src/local/generation-file.ts';
import { isProcessAlive } from '../../../src/local/process-alive.ts';
import { askRedis } from '../../../src/local/redis-inline.ts';
import { openLocalStack } from '../../../src/local/stack.ts';
import { sleep } from '../../../src/shared/base/time.ts';
import { tempFolder } from '../../support/temp-folder.ts';

describe('the local stack', () => {
  it('is one for all its users, and ends with the last of them', async () => {
    await using folder = await tempFolder();
    const stacks = await Promise.all(
      Array.from({ length: 4 }, () => openLocalStack({ folder: folder.path, simulate: false })),
    );
    expect(new Set(stacks.map((stack) => stack.redisUrl)).size).toBe(1);
    const { pid, redisUrl } = await stackOf(folder.path);
    for (const stack of stacks.slice(1)) await stack[Symbol.asyncDispose]();
    expect(await ping(redisUrl)).toBe('+PONG');
    await stacks[0]?.[Symbol.asyncDispose]();
    expect(await ping(redisUrl)).toBeUndefined();
    await until(() => !isProcessAlive(pid));
  });

  it('comes back in the same folder with what it held', async () => {
    await using folder = await tempFolder();
    for (const expected of [null, 'yes']) {
      await using stack = await openLocalStack({ folder: folder.path, simulate: false });
      const client = new Redis(stack.redisUrl);
      expect(await client.get('kept')).toBe(expected);
      await client.set('kept', 'yes');
      client.disconnect();
    }
  });

  it('is shared between processes, and freed when the last one is killed', async () => {
    await using folder = await tempFolder();
    const users = [startUser(folder.path), startUser(folder.path), startUser(folder.path)];
    const told = await Promise.all(users.map((user) => user.line));
    expect(new Set(told).size).toBe(1);
    const { pid, redisUrl } = await stackOf(folder.path);
    users[0]?.child.kill('SIGKILL');
    users[1]?.child.kill('SIGKILL');
    await Promise.all(users.slice(0, 2).map((user) => user.ended));
    expect(await ping(redisUrl)).toBe('+PONG');
    users[2]?.child.kill('SIGKILL');
    await users[2]?.ended;
    await until(() => !isProcessAlive(pid));
    expect(await ping(redisUrl)).toBeUndefined();
  });

  it('keeps running when Ctrl-C reaches the process group of its user', async () => {
    await using folder = await tempFolder();
    const user = startUser(folder.path);
    await user.line;
    const { pid, redisUrl } = await stackOf(folder.path);
    await using _other = await openLocalStack({ folder: folder.path, simulate: false });
    process.kill(-(user.child.pid ?? 0), 'SIGINT');
    await user.ended;
    process.kill(pid, 'SIGINT');
    expect(await ping(redisUrl)).toBe('+PONG');
  });

  it('is started anew, without a second Redis on the same files, after its supervisor was killed', async () => {
    await using folder = await tempFolder();
    const first = await openLocalStack({ folder: folder.path, simulate: false });
    const { pid, redisUrl } = await stackOf(folder.path);
    process.kill(pid, 'SIGKILL');
    await until(() => first.lost.aborted);
    expect(first.lost.reason).toMatchObject({ code: 'local_stack' });
    await first[Symbol.asyncDispose]();
    await using second = await openLocalStack({ folder: folder.path, simulate: false });
    expect(await ping(redisUrl)).toBeUndefined();
    expect(await ping(second.redisUrl)).toBe('+PONG');
  });

  it('starts Redis again, at the same address, when Redis alone was killed', async () => {
    await using folder = await tempFolder();
    await using stack = await openLocalStack({ folder: folder.path, simulate: false });
    const client = new Redis(stack.redisUrl, { maxRetriesPerRequest: null });
    client.on('error', () => undefined);
    await client.set('kept', 'yes');
    const info = String(await client.info('server'));
    process.kill(Number(/process_id:(\d+)/.exec(info)?.[1]), 'SIGKILL');
    expect(await client.get('kept')).toBe('yes');
    client.disconnect();
  });

  it('is opened and closed by many at once without an error, and ends', async () => {
    await using folder = await tempFolder();
    const pids = new Set<number>();
    await Promise.all(
      Array.from({ length: 4 }, async () => {
        for (let round = 0; round < 4; round += 1) {
          await using stack = await openLocalStack({ folder: folder.path, simulate: false });
          expect(await ping(stack.redisUrl)).toBe('+PONG');
          pids.add((await stackOf(folder.path)).pid);
        }
      }),
    );
    for (const pid of pids) await until(() => !isProcessAlive(pid));
  });

  it('takes over an address file whose process is gone', async () => {
    await using folder = await tempFolder();
    const stale = { pid: 2 ** 22 + 1, port: 1, token: 'x', closed: false };
    await claimGeneration(folder.path, 'stack', 0, JSON.stringify(stale));
    await using stack = await openLocalStack({ folder: folder.path, simulate: false });
    expect(await ping(stack.redisUrl)).toBe('+PONG');
  });

  it('tells its secrets to nobody without the token, which stands in a file of this user alone', async () => {
    await using folder = await tempFolder();
    await using _stack = await openLocalStack({ folder: folder.path, simulate: false });
    const { port, number } = await stackOf(folder.path);
    expect((await stat(join(folder.path, `stack-${number}.json`))).mode & 0o077).toBe(0);
    const socket = connect({ host: '127.0.0.1', port });
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk.toString();
    });
    socket.write(`${JSON.stringify({ token: 'x'.repeat(48), simulate: false })}\n`);
    await once(socket, 'close');
    expect(answer).toBe('');
  });

  it('says in one sentence why Redis does not start, and ends', async () => {
    await using folder = await tempFolder();
    const living = { ownerPid: process.pid, released: false };
    await using running = await openLocalStack({ folder: join(folder.path, 'other'), simulate: false });
    const { port, password } = new URL(running.redisUrl);
    const server = { port: Number(port), password };
    await claimGeneration(join(folder.path, 'redis'), 'redis', 0, JSON.stringify({ ...living, server }));
    await expect(openLocalStack({ folder: folder.path, simulate: false })).rejects.toMatchObject({
      code: 'redis_folder_in_use',
    });
    const { pid } = await stackOf(folder.path);
    await until(() => !isProcessAlive(pid));
    expect(await readFile(join(folder.path, 'stack.log'), 'utf8')).toContain('runs a redis-server');
  });

  it('brings one fal simulator for all who simulate, which knows its keys again the next time', async () => {
    await using folder = await tempFolder();
    const keys = new Set<string | undefined>();
    for (let round = 0; round < 2; round += 1) {
      await using stack = await openLocalStack({ folder: folder.path, simulate: true });
      await using same = await openLocalStack({ folder: folder.path, simulate: true });
      expect(same.fal).toEqual(stack.fal);
      const answer = await fetch(`${stack.fal?.apiUrl}/v1/models`);
      expect(answer.status).toBeGreaterThan(0);
      keys.add(stack.fal?.key);
    }
    expect(keys.size).toBe(1);
    expect([...keys][0]).toBeTruthy();
  });

  it('gives up with the reason of the signal', async () => {
    await using folder = await tempFolder();
    const reason = new Error('enough');
    await expect(
      openLocalStack({ folder: folder.path, simulate: false, signal: AbortSignal.abort(reason) }),
    ).rejects.toBe(reason);
  });
});

interface User {
  readonly child: ChildProcess;
  readonly line: Promise<string>;
  readonly ended: Promise<unknown>;
}

function startUser(folder: string): User {
  const script = new URL('../../support/stack-user.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, ['--import', 'tsx', script, folder, 'real'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  });
  const line = once(createInterface({ input: child.stdout }), 'line').then(([text]) => String(text));
  return { child, line, ended: once(child, 'exit') };
}

async function stackOf(folder: string) {
  const file = await readGeneration(folder, 'stack');
  const { pid, port } = JSON.parse(file?.text ?? '{}');
  const redis = await readGeneration(join(folder, 'redis'), 'redis');
  const { server } = JSON.parse(redis?.text ?? '{}');
  return {
    number: file?.number,
    pid: Number(pid),
    port: Number(port),
    redisUrl: server === undefined ? '' : `redis://:${server.password}@127.0.0.1:${server.port}`,
  };
}

function ping(url: string): Promise<string | undefined> {
  const { port, password } = new URL(url);
  return askRedis({ port: Number(port), password }, 'PING');
}

async function until(condition: () => boolean, timeoutMs = 10_000): Promise<void> {
  for (const giveUpAt = Date.now() + timeoutMs; !condition(); await sleep(20)) {
    if (Date.now() > giveUpAt) throw new Error(`not so after ${timeoutMs} ms: ${condition}`);
  }
}

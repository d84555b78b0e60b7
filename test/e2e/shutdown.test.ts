import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import type { BatchStatus } from '../../src/shared/status/status.ts';
import { testFal } from '../support/fal.ts';
import {
  type Env,
  hasEnded,
  jsonOf,
  processesIn,
  program,
  startProgram,
  when,
  workplace,
} from '../support/program.ts';
import { listOf, realEnv, timesPaid } from '../support/program-fal.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';

const SHOTS = 6;
/** What is promised is 2 s; a machine that is busy with other tests is given some more. */
const STOPPED_WITHIN_MS = 2_500;

/** Runs that used an attempt, of all records of this Redis share. */
async function attemptsUsed({ client, prefix }: TestRedis): Promise<number> {
  const keys = await client.keys(`${prefix}:rec:*`);
  expect(keys).toHaveLength(SHOTS);
  const counts = await Promise.all(keys.map((key) => client.hget(key, 'a')));
  return counts.reduce((sum, count) => sum + Number(count ?? 0), 0);
}

describe('a run that is stopped in the middle', () => {
  it('parks on SIGTERM within 2 seconds, and the same command finishes with one paid request a shot', async () => {
    await using redis = await testRedis();
    await using fal = await testFal({ latencyMs: 3_000, slots: 3 });
    await using at = await workplace();
    const env = { ...realEnv(fal, redis), FAL_CONCURRENCY: '3' };
    const run = ['run', await listOf(at.path, SHOTS), '--json', '--recipe', 'catalog'];
    await using first = startProgram(run, { cwd: at.path, env });
    await when(() => fal.book.openCount() === 3);
    const toldAt = performance.now();
    first.child.kill('SIGTERM');
    const stopped = await first.ended;
    expect(performance.now() - toldAt).toBeLessThan(STOPPED_WITHIN_MS);
    expect(stopped).toMatchObject({ code: 130 });
    expect(jsonOf<BatchStatus>(stopped).state).toBe('running');
    expect(processesIn(at.path)).toEqual([]);

    const second = await program(run, { cwd: at.path, env });
    expect(second).toMatchObject({ code: 0 });
    expect(jsonOf<BatchStatus>(second).counts.delivered).toBe(SHOTS);
    expect(timesPaid(fal)).toEqual(Array(SHOTS).fill(1));
    expect(await attemptsUsed(redis)).toBe(0);
  }, 90_000);

  it('killed, and started again with the same command, finishes and pays nothing twice', async () => {
    await using redis = await testRedis();
    await using fal = await testFal({ latencyMs: 2_000, slots: 3 });
    await using at = await workplace();
    const env = { ...realEnv(fal, redis), FAL_CONCURRENCY: '3' };
    const run = ['run', await listOf(at.path, SHOTS), '--json'];
    await using first = startProgram(run, { cwd: at.path, env });
    // Some are delivered, some wait for a render, some are at fal.
    await when(() => fal.book.charged().length >= 3);
    first.child.kill('SIGKILL');
    expect(await first.ended).toMatchObject({ code: undefined });

    const second = await program(run, { cwd: at.path, env });
    expect(second).toMatchObject({ code: 0 });
    expect(jsonOf<BatchStatus>(second).counts.delivered).toBe(SHOTS);
    expect(timesPaid(fal)).toEqual(Array(SHOTS).fill(1));
    expect(await attemptsUsed(redis)).toBe(0);
  }, 120_000);

  it('ends at once on the second signal', async () => {
    await using redis = await testRedis();
    await using fal = await testFal({ latencyMs: 60_000 });
    await using at = await workplace();
    // An answer that does not come keeps the first signal's parking busy.
    fal.faults.add({ on: 'submit', kind: 'hang' });
    const env = realEnv(fal, redis);
    await using running = startProgram(['run', await listOf(at.path, 2)], { cwd: at.path, env });
    await when(() => fal.stats.calls('submit') >= 1);
    running.child.kill('SIGINT');
    const toldAt = performance.now();
    // Two signals that are pending at once are one.
    await delay(100);
    running.child.kill('SIGINT');
    expect(await running.ended).toMatchObject({ code: 130 });
    expect(performance.now() - toldAt).toBeLessThan(700);
  }, 60_000);
});

describe('a worker', () => {
  it('makes what is queued, answers its health port, and ends with 0 on SIGTERM', async () => {
    await using at = await workplace();
    const port = String(20_000 + (process.pid % 20_000));
    const env: Env = { HEALTH_PORT: port };
    await using worker = startProgram(['worker', '--simulate', '--roles', 'generate,collect,render'], {
      cwd: at.path,
      env,
    });
    await worker.says('worker started');
    const ready = await fetch(`http://127.0.0.1:${port}/readyz`);
    expect({ status: ready.status, body: await ready.json() }).toEqual({
      status: 200,
      body: { ready: true },
    });
    expect((await fetch(`http://127.0.0.1:${port}/livez`)).status).toBe(200);

    const taken = await program(['worker', '--simulate'], { cwd: at.path, env });
    expect(taken).toMatchObject({ code: 1 });
    expect(taken.stderr).toContain(`HEALTH_PORT ${port} is in use`);

    const queued = await program(
      ['enqueue', '--prompt', 'A red mug', '--quality', 'low', '--simulate', '--watch', '--json'],
      { cwd: at.path },
    );
    expect(queued).toMatchObject({ code: 0 });

    const toldAt = performance.now();
    worker.child.kill('SIGTERM');
    expect(await worker.ended).toMatchObject({ code: 0, stdout: '' });
    expect(performance.now() - toldAt).toBeLessThan(STOPPED_WITHIN_MS);
    expect(worker.stderr()).toContain('"roles":["generate","collect","render"]');
    expect(worker.stderr()).toContain('worker stopped');
    expect(hasEnded(worker.child.pid ?? 0)).toBe(true);
  }, 60_000);
});

describe('an embedded Redis that is lost', () => {
  it('ends the run with one sentence, and the same command goes on', async () => {
    await using fal = await testFal({ latencyMs: 1_500 });
    await using at = await workplace();
    const env = realEnv(fal);
    const run = ['run', await listOf(at.path, 3), '--json'];
    await using running = startProgram(run, { cwd: at.path, env });
    await when(() => fal.book.openCount() === 2);
    const stack = processesIn(at.path).filter(({ command }) => !command.includes('list.csv'));
    for (const { pid } of stack.filter(({ command }) => /stack-main|redis-server/.test(command))) {
      process.kill(pid, 'SIGKILL');
    }
    const lost = await running.ended;
    expect(lost).toMatchObject({ code: 1, stdout: '' });
    expect(lost.stderr).toContain('The embedded Redis ended while it was in use; run it again.');

    const again = await program(run, { cwd: at.path, env });
    expect(again).toMatchObject({ code: 0 });
    expect(timesPaid(fal)).toEqual([1, 1, 1]);
  }, 90_000);
});

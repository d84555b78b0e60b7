import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { type HealthDeps, startHealth } from '../../../src/app/health.ts';
import { redactor } from '../../../src/shared/base/log.ts';
import { freePort } from '../../support/free-port.ts';

async function healthy(changes: Partial<HealthDeps> = {}) {
  const port = await freePort();
  const health = await startHealth({
    host: '127.0.0.1',
    port,
    looks: [],
    standing: () => [],
    clean: (text) => text,
    clock: () => 0,
    ...changes,
  });
  const ask = async (path: string) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`);
    // The shape is what the tests then look at.
    const body = (await answer.json()) as { readonly reasons?: readonly string[] };
    return { status: answer.status, body };
  };
  return {
    port,
    ask,
    stopping: () => health.stopping(),
    [Symbol.asyncDispose]: () => health[Symbol.asyncDispose](),
  };
}

const look = (name: string, ask: () => Promise<unknown>): HealthDeps['looks'][number] => ({
  name,
  look: ask,
  everyMs: name === 'store' ? 5_000 : 0,
});

describe('the health port', () => {
  it('is alive and ready when Redis and the store answer and the workers run', async () => {
    await using at = await healthy();
    expect(await at.ask('/livez')).toEqual({ status: 200, body: { alive: true } });
    expect(await at.ask('/readyz')).toEqual({ status: 200, body: { ready: true } });
  });

  it('is alive but not ready, and says why, when something is away', async () => {
    await using at = await healthy({
      looks: [
        look('Redis', () => Promise.reject(new Error('Redis is away.'))),
        look('fal', async () => undefined),
        look('store', () => Promise.reject(new Error('S3 did not answer.'))),
      ],
      standing: () => ['not every worker runs'],
    });
    expect((await at.ask('/livez')).status).toBe(200);
    expect(await at.ask('/readyz')).toEqual({
      status: 503,
      body: {
        ready: false,
        reasons: ['Redis: Redis is away.', 'store: S3 did not answer.', 'not every worker runs'],
      },
    });
  });

  it('tells neither secrets nor addresses', async () => {
    const text =
      'S3 at https://s3.example.com:9000/x answered 503; s3://shop/pictures/ may not be used; Redis at 10.1.2.3:6379 and [::1]:6379 and redis.internal:6379, 10.1.2.3, key-12345.';
    await using at = await healthy({
      standing: () => [text],
      clean: (words) => words.replaceAll('key-12345', '[secret]'),
    });
    const { body } = await at.ask('/readyz');
    expect(body.reasons).toEqual([
      'S3 at [address] answered 503; [address] may not be used; Redis at [address] and [address] and [address], [address], [secret].',
    ]);
  });

  it('answers in time when Redis does not answer at all, and does not pile up pings', async () => {
    let pings = 0;
    const never = () => {
      pings += 1;
      return new Promise<never>(() => undefined);
    };
    await using at = await healthy({ looks: [look('Redis', never)] });
    const answers = await Promise.all([at.ask('/readyz'), at.ask('/readyz'), at.ask('/readyz')]);
    for (const { status, body } of answers) {
      expect({ status, reasons: body.reasons }).toEqual({
        status: 503,
        reasons: ['Redis: no answer in 2 s'],
      });
    }
    expect(pings).toBe(1);
  });

  it('asks the store at most once in some seconds, however often it is probed', async () => {
    let checks = 0;
    let nowMs = 0;
    await using at = await healthy({
      looks: [
        look('store', async () => {
          checks += 1;
        }),
      ],
      clock: () => nowMs,
    });
    for (let probe = 0; probe < 5; probe += 1) await at.ask('/readyz');
    expect(checks).toBe(1);
    nowMs = 6_000;
    await at.ask('/readyz');
    expect(checks).toBe(2);
  });

  it('is not ready any more once the process is stopping, and then closes', async () => {
    const at = await healthy();
    at.stopping();
    expect(await at.ask('/readyz')).toEqual({
      status: 503,
      body: { ready: false, reasons: ['this process is stopping'] },
    });
    expect((await at.ask('/livez')).status).toBe(200);
    await at[Symbol.asyncDispose]();
    await expect(at.ask('/livez')).rejects.toThrow();
  });

  it('says in one sentence that its port is in use', async () => {
    await using at = await healthy();
    await expect(
      startHealth({
        host: '127.0.0.1',
        port: at.port,
        looks: [],
        standing: () => [],
        clean: (text) => text,
        clock: () => 0,
      }),
    ).rejects.toMatchObject({
      name: 'UserError',
      message: `HEALTH_PORT ${at.port} is in use: choose another, or leave it out.`,
    });
  });
});

describe('a stranger at the port', () => {
  it('holds few connections, and none for long', async () => {
    await using at = await healthy();
    const sockets = Array.from({ length: 362 }, () => {
      const socket = connect(at.port, '127.0.0.1').resume();
      // Half a request, as a slow reader sends it.
      socket
        .on('error', () => undefined)
        .on('connect', () => socket.write('GET /readyz HTTP/1.1\r\nhost: x\r\n'));
      return { socket, closed: new Promise((resolve) => socket.once('close', resolve)) };
    });
    await delay(500);
    expect(sockets.filter(({ socket }) => !socket.closed).length).toBeLessThanOrEqual(32);
    await Promise.all(sockets.map(({ closed }) => closed));
    expect((await at.ask('/livez')).status).toBe(200);
  }, 20_000);

  it('reads no address and no secret in a reason', async () => {
    await using at = await healthy({
      standing: () => ['S3 at http://user:HUNTER2@10.1.2.3:9000/x does not answer, nor redis.internal:6379'],
      clean: redactor(['HUNTER2']),
    });
    const { body } = await at.ask('/readyz');
    expect(JSON.stringify(body)).not.toMatch(/HUNTER2|10\.1\.2|internal/);
  });
});

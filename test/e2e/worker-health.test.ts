import { describe, expect, it } from '@jest/globals';
import { bentS3 } from '../support/bent-s3.ts';
import { testFal } from '../support/fal.ts';
import { freePort } from '../support/free-port.ts';
import { type OwnRedis, ownRedis, userOfDocs } from '../support/own-redis.ts';
import { program, startProgram, when } from '../support/program.ts';
import { realEnv } from '../support/program-fal.ts';
import { tempFolder } from '../support/temp-folder.ts';

const PREFIX = '{t-health}';

function envOf(own: OwnRedis, s3: { readonly endpoint: string }) {
  return {
    REDIS_URL: own.urlOf('shop'),
    REDIS_PREFIX: PREFIX,
    S3_BUCKET: 'bucket',
    S3_ENDPOINT: s3.endpoint,
    AWS_ACCESS_KEY_ID: 'key',
    AWS_SECRET_ACCESS_KEY: 'secret-of-the-store',
  };
}

describe('a worker that lacks what the work needs', () => {
  it('ends at its start with exit code 1 and the name of the command, and logs next to nothing', async () => {
    await using own = await ownRedis();
    await using s3 = await bentS3({});
    await using fal = await testFal();
    await using folder = await tempFolder();
    const env = { ...realEnv(fal), ...envOf(own, s3) };
    for (const name of ['eval', 'bzpopmin', 'xadd']) {
      await userOfDocs(own, 'shop', { prefix: PREFIX, changes: [`-${name}`] });
      const { code, stderr } = await program(['worker'], { cwd: folder.path, env });
      expect(code).toBe(1);
      expect(stderr.trim()).toBe(
        `Redis does not let the user in REDIS_URL run ${name.toUpperCase()}; let it: docs/operations.md has the line for the user.`,
      );
    }
    await userOfDocs(own, 'shop', { prefix: PREFIX });
    s3.bend({ denied: ['PUT'] });
    const refused = await program(['worker'], { cwd: folder.path, env });
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('may not write to the store') });
  });

  it('is not ready once something is taken away, and says what: Redis, the store and fal', async () => {
    await using own = await ownRedis();
    await userOfDocs(own, 'shop', { prefix: PREFIX });
    await using s3 = await bentS3({});
    await using fal = await testFal();
    await using folder = await tempFolder();
    const port = await freePort();
    const env = {
      ...realEnv(fal),
      ...envOf(own, s3),
      HEALTH_PORT: String(port),
      NODE_TLS_REJECT_UNAUTHORIZED: '0',
    };
    await using worker = startProgram(['worker'], { cwd: folder.path, env });
    await worker.says('worker started');
    expect(worker.stderr()).toContain('NODE_TLS_REJECT_UNAUTHORIZED is 0, so any server can pass for fal');
    let last: { status: number; text: string } = { status: 0, text: '' };
    const probe = async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/readyz`);
      last = { status: answer.status, text: await answer.text() };
    };
    const probing = setInterval(() => void probe().catch(() => undefined), 250);
    try {
      await when(() => last.status === 200);
      s3.bend({ denied: ['PUT'] });
      fal.faults.add({ on: 'pricing', kind: 'unauthorized' });
      await userOfDocs(own, 'shop', { prefix: PREFIX, changes: ['-eval'] });
      await when(() => /EVAL/.test(last.text) && /store:/.test(last.text) && /fal:/.test(last.text));
      expect(last.status).toBe(503);
      expect(last.text).toContain('may not write to the store');
      expect(last.text).toContain('fal refuses FAL_KEY (401)');
      expect(last.text).not.toMatch(/127\.0\.0\.1|localhost|s3:\/\/|secret-of-the-store|secret-word/);
    } finally {
      clearInterval(probing);
    }
    // What it logged meanwhile can be read.
    expect(worker.stderr().split('\n').length).toBeLessThan(40);
  });

  it('is told by a command in one sentence, which is no fault of shotlist', async () => {
    await using own = await ownRedis();
    await userOfDocs(own, 'shop', { prefix: PREFIX });
    await using s3 = await bentS3({});
    await using folder = await tempFolder();
    await own.admin.replicaof('127.0.0.1', '1');
    const { code, stderr } = await program(['pause'], { cwd: folder.path, env: envOf(own, s3) });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'Redis is a replica (READONLY) and refuses every write; point REDIS_URL at the primary.\n',
    });
  });
});

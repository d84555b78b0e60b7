import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, jest } from '@jest/globals';
import { program, workplace } from '../support/program.ts';
import { openReceiver } from '../support/receiver.ts';

// Waits are for processes; on a machine that is busy with other work they come to pass late.
jest.setTimeout(120_000);

const env = { WEBHOOK_SECRET: 'a secret of the test', WEBHOOK_HOSTS: '127.0.0.1', LOG_LEVEL: 'warn' };
const LIST = 'id,prompt\nmug-1,a red mug\n';

describe('run --on-done', () => {
  it('ends only when the manifest is written and the webhook was tried', async () => {
    await using place = await workplace();
    await using receiver = await openReceiver();
    await writeFile(join(place.path, 'mugs.csv'), LIST);
    const run = (batch: string) =>
      program(
        ['run', 'mugs.csv', '--simulate', '--batch', batch, '--on-done', `${receiver.url}/secret-path`],
        {
          cwd: place.path,
          env,
        },
      );

    const taken = await run('taken');
    expect(taken).toMatchObject({ code: 0 });
    expect(receiver.received.map(({ body }) => JSON.parse(body).batch)).toEqual(['taken']);
    expect(taken.stderr).not.toContain('The webhook');

    receiver.answer(503);
    const refused = await run('refused');
    expect(refused).toMatchObject({ code: 0 });
    expect(receiver.received).toHaveLength(2);
    expect(refused.stderr).toContain(
      `The webhook of refused is not delivered yet (last: ${receiver.url} answered 503)`,
    );
    expect(refused.stderr).not.toContain('secret-path');

    const out = await program(['export', 'refused', '--simulate', '--format', 'csv'], { cwd: place.path });
    const stored = join('.shotlist', 'sim', 'store', 'refused', 'manifest.csv');
    expect(await readFile(join(place.path, stored), 'utf8')).toBe(out.stdout);
  });

  it('queues nothing without the secret that signs it', async () => {
    await using place = await workplace();
    await writeFile(join(place.path, 'mugs.csv'), LIST);
    const refused = await program(
      ['run', 'mugs.csv', '--simulate', '--on-done', 'https://shop.example.com/hook'],
      { cwd: place.path },
    );
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('Set WEBHOOK_SECRET');
    const { stdout } = await program(['status', '--simulate', '--json'], { cwd: place.path });
    expect(JSON.parse(stdout)).toEqual([]);
  });
});

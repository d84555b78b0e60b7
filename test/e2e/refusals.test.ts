import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { EXAMPLE, jsonOf, program, workplace } from '../support/program.ts';

const STACK = /^\s+at .*:\d+/m;

/** A command that could not: exit code 1, words on stderr alone, no stack, nothing left in the folder. */
async function refused(
  args: readonly string[],
  options: { readonly env?: Record<string, string>; readonly input?: string; readonly list?: string } = {},
): Promise<string> {
  await using at = await workplace();
  if (options.list !== undefined) writeFileSync(join(at.path, 'list.csv'), options.list);
  const { list: _list, ...rest } = options;
  const ran = await program(args, { cwd: at.path, ...rest });
  expect(ran).toMatchObject({ code: 1, stdout: '' });
  expect(ran.stderr).not.toMatch(STACK);
  expect(ran.stderr).not.toContain('fault of shotlist');
  return ran.stderr.trim();
}

describe('what cannot be done', () => {
  it('run with neither a key nor --simulate is refused in one sentence', async () => {
    expect(await refused(['run', EXAMPLE])).toBe(
      'Set FAL_KEY to make the pictures for real, or add --simulate to try it without paying.',
    );
  });

  it('simulated work never touches a real bucket or Redis', async () => {
    const run = ['run', EXAMPLE, '--simulate'];
    expect(await refused(run, { env: { S3_BUCKET: 'real-bucket' } })).toContain('unset S3_BUCKET');
    expect(await refused(run, { env: { REDIS_URL: 'redis://127.0.0.1:1' } })).toContain('unset REDIS_URL');
  });

  it('every bad row of a list is named by line, column, value and what is allowed', async () => {
    const list =
      'id,prompt,quality,variants,background,output_format\nA,One mug,hihg,,,\nB,,,,,\nC,A cap,,0,,\nD,A hat,,,transparent,jpeg\n';
    const said = await refused(['run', 'list.csv', '--simulate'], { list });
    expect(said).toMatch(/line 2.*quality.*hihg.*low, medium, high/s);
    expect(said).toMatch(/line 3.*prompt/s);
    expect(said).toMatch(/line 4.*variants.*0.*1 to 100/s);
    expect(said).toMatch(/line 5.*transparent/s);
  });

  it('an empty list says that it is empty', async () => {
    expect(await refused(['run', 'list.csv', '--simulate'], { list: '' })).toContain('empty');
    expect(await refused(['run', 'list.csv', '--simulate'], { list: 'id,prompt\n' })).toContain('empty');
  });

  it('a list that is not there, an unknown option and an unknown command each get their sentence', async () => {
    expect(await refused(['run', 'nowhere.csv', '--simulate'])).toContain('nowhere.csv');
    expect(await refused(['run', EXAMPLE, '--simulte'])).toContain('--simulte');
    expect(await refused(['rnu'])).toContain('rnu');
  });

  it('bad settings are all named in one error', async () => {
    const said = await refused(['run', EXAMPLE, '--simulate'], {
      env: { FAL_CONCURRENCY: 'many', DAILY_CAP_USD: 'x', LOG_LEVEL: 'loud', HEALTH_PORT: '0' },
    });
    for (const name of ['FAL_CONCURRENCY', 'DAILY_CAP_USD', 'LOG_LEVEL', 'HEALTH_PORT']) {
      expect(said).toContain(name);
    }
    expect(said.split('\n')).toHaveLength(1);
  });

  it('an estimate above CONFIRM_OVER_USD is refused without a terminal', async () => {
    const env = { FAL_KEY: 'no-such-key', CONFIRM_OVER_USD: '0.01', FAL_QUEUE_URL: 'http://127.0.0.1:1' };
    const said = await refused(['run', EXAMPLE], { env });
    expect(said).toMatch(/up to \$1\.07.*--yes.*--cap/s);
  });

  it('a worker says all that it lacks in one go', async () => {
    const said = await refused(['worker']);
    for (const name of ['FAL_KEY', 'REDIS_URL', 'S3_BUCKET']) expect(said).toContain(name);
    expect(await refused(['worker', '--roles', 'generate,paint'])).toContain('There is no role "paint"');
  });

  it('another list under the id of a batch that is there is refused', async () => {
    await using at = await workplace();
    const run = (...args: string[]) =>
      program(['run', '--simulate', '--batch', 'spring', ...args], { cwd: at.path });
    expect(await run('--prompt', 'A mug', '--quality', 'low')).toMatchObject({ code: 0 });
    const other = await run('--prompt', 'A mug', '--quality', 'low', '--variants', '2');
    expect(other).toMatchObject({ code: 1, stdout: '' });
    expect(other.stderr).toContain('spring');
    expect(other.stderr).not.toMatch(STACK);
  }, 60_000);
});

describe('what needs nothing', () => {
  it('--dry-run takes neither Redis nor key, and leaves nothing behind', async () => {
    await using at = await workplace();
    const ran = await program(['run', EXAMPLE, '--dry-run', '--json'], { cwd: at.path });
    expect(ran).toMatchObject({ code: 0 });
    expect(jsonOf(ran)).toEqual({
      batch: expect.stringMatching(/^catalog-[0-9a-f]{8}$/),
      defaultModel: 'fal-ai/gpt-image-1-mini',
      shots: 24,
      images: 69,
      requests: 25,
      reusedImages: 0,
      fetchedImages: 0,
      estimate: { minUsd: 1.01, maxUsd: 1.07 },
      naiveUsd: 1.36,
      columns: [
        { column: 'variants', rows: 20, images: 65, times: 3.1 },
        { column: 'quality', rows: 4, images: 7, times: 3.3 },
        { column: 'image_size', rows: 8, images: 19, times: 1.4 },
      ],
      // Nothing was learned here: 25 requests at the model's own 18 s, two at once.
      finish: { seconds: 225, binds: 'slots' },
    });
    expect(readdirSync(at.path)).toEqual([]);
  });

  it('every command has --help', async () => {
    await using at = await workplace();
    const commands = ['run', 'enqueue', 'worker', 'status', 'costs', 'ledger', 'export', 'pause', 'resume'];
    for (const command of [[], ...commands.map((name) => [name])]) {
      const ran = await program([...command, '--help'], { cwd: at.path });
      expect(ran).toMatchObject({ code: 0, stderr: '' });
      expect(ran.stdout).toContain('Usage: shotlist');
    }
    expect(readdirSync(at.path)).toEqual([]);
  });
});

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { ROOT, startProgram } from '../support/program.ts';
import { tempFolder } from '../support/temp-folder.ts';

const TAKEN = ['jpeg', 'png', 'webp'];
const support = (name: string) => join(ROOT, 'test/support', name);

describe('the loaders of libvips', () => {
  it('are closed but for jpeg, png and webp; our own AVIF and SVG are read, and closed again', async () => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--import', 'tsx', support('closed-loaders.ts')],
      { cwd: ROOT },
    );
    expect(JSON.parse(stdout)).toEqual({
      before: ['jpeg', 'png', 'webp', 'tiff', 'gif', 'avif', 'svg'],
      closed: TAKEN,
      failed: 'failed',
      sheet: true,
      after: TAKEN,
    });
  });

  it.each([
    ['a command that makes thumbnails', ['sheet', 'no-such-batch']],
    [
      'every command that may write a sheet at its end',
      ['run', 'no-such-list.csv', '--simulate', '--dry-run'],
    ],
  ])('are closed in the process of %s', async (_, args) => {
    await using folder = await tempFolder();
    await using program = startProgram(args, {
      cwd: folder.path,
      env: { NODE_OPTIONS: `--import ${pathToFileURL(support('readable-at-exit.mjs')).href}` },
    });
    const { stderr } = await program.ended;
    expect(stderr).toContain(`readable: ${JSON.stringify(TAKEN)}`);
  });
});

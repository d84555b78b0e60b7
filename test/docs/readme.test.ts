import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { EXIT } from '../../src/cli/context.ts';
import { ROOT, readPage, tableOf } from '../support/docs.ts';

const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...(await readdir(join(ROOT, 'docs'))).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`),
];

describe('README.md', () => {
  it('names every command of the built program, and no other', async () => {
    const main = join(ROOT, 'dist/cli/main.js');
    const { stdout } = await promisify(execFile)(process.execPath, [main, '--help']);
    const offered = [...stdout.matchAll(/^ {2}([a-z]+) (?:\[|<| {2})/gm)].map(([, name]) => name ?? '');
    const named = tableOf(await readPage('README.md'), 'command').map(([cell]) => cell?.split(' ')[0] ?? '');
    expect(named.sort()).toEqual(offered.filter((name) => name !== 'help').sort());
  });

  it('names every exit code', async () => {
    const named = tableOf(await readPage('README.md'), 'exit code').map(([code]) => Number(code));
    expect(named).toEqual(Object.values(EXIT));
  });
});

describe('every page', () => {
  it.each(pages)('%s links only to what is there', async (path) => {
    const page = await readPage(path);
    const links = [...page.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link ?? '');
    const broken: string[] = [];
    for (const link of links.filter((each) => !/^https?:/.test(each))) {
      const [file = '', anchor] = link.split('#');
      const target = file === '' ? path : join(dirname(path), file);
      if (!existsSync(join(ROOT, target))) broken.push(link);
      else if (anchor !== undefined && !anchorsOf(await readPage(target)).has(anchor)) broken.push(link);
    }
    expect(broken).toEqual([]);
  });

  it.each(pages)('%s names no file or test that is not there', async (path) => {
    const page = await readPage(path);
    const named = [...page.matchAll(/`((?:src|test|scripts|docs|recipes|examples|bench)\/[\w./-]+)`/g)];
    const missing = named.map(([, file]) => file ?? '').filter((file) => !existsSync(join(ROOT, file)));
    expect(missing).toEqual([]);
  });

  it.each(pages)('%s names no machine', async (path) => {
    expect(await readPage(path)).not.toMatch(/(^|[\s`"'(])\/(work|home|Users|tmp|root)\//);
  });
});

/** GitHub's: lower case, spaces to dashes, punctuation dropped. */
function anchorsOf(page: string): ReadonlySet<string> {
  const headings = [...page.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading ?? '');
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

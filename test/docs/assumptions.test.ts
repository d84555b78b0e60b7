import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ROOT, readPage } from '../support/docs.ts';

const page = await readPage('docs/assumptions.md');
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| what we rely on'))
  .map((line) => line.slice(2, -2).split(' | '));

describe('docs/assumptions.md', () => {
  it('has rows of fal, S3 and Redis', () => {
    expect(rows.length).toBeGreaterThan(30);
    for (const heading of ['## fal:', '## S3', '## Redis']) expect(page).toContain(heading);
  });

  it.each(rows)(
    '%s: says what happens, and names a test or why there is none',
    (_what, wrong = '', played = '') => {
      expect(wrong).not.toBe('');
      const tests = [...played.matchAll(/`(test\/[\w/.-]+\.test\.ts)`/g)].map(([, file]) => file ?? '');
      if (tests.length === 0) expect(played).toMatch(/^open: ./);
      for (const file of tests) expect(existsSync(join(ROOT, file))).toBe(true);
    },
  );
});

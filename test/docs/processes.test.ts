import { existsSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { PLAN_LIMITS } from '../../src/producer/child/limits.ts';
import { readPage } from '../support/docs.ts';

describe('the child process that reads lists', () => {
  it.each(['docs/architecture.md', 'docs/schedules.md'])('has the limits that %s says', async (path) => {
    const page = (await readPage(path)).replace(/\s+/g, ' ');
    const { heapMb, memoryMb, cpuMs, silenceMs } = PLAN_LIMITS;
    for (const limit of [
      `${heapMb} MB of heap`,
      `${memoryMb.toLocaleString('en')} MB of memory`,
      `${cpuMs / 60_000} minutes of processor time`,
      `${silenceMs / 60_000} minutes without progress`,
    ])
      expect(page).toContain(limit);
  });

  it('is where CONTRIBUTING.md says', async () => {
    const page = await readPage('CONTRIBUTING.md');
    const [, rest = ''] = page.split('### What runs in a process of its own');
    const [section = ''] = rest.split('\n###');
    const files = [...section.matchAll(/`([a-z-]+\/[\w/-]+\.ts)`/g)].map(([, file]) => file ?? '');
    expect(files).toContain('producer/child/plan-child-main.ts');
    expect(files.filter((file) => !existsSync(new URL(`../../src/${file}`, import.meta.url)))).toEqual([]);
  });
});

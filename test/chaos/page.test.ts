import { describe, expect, it } from '@jest/globals';
import { readPage, tableOf } from '../support/docs.ts';
import { MUTATIONS } from './mutations.ts';

const page = await readPage('docs/guarantees.md');

describe('docs/guarantees.md', () => {
  it('names every mutation that the chaos has to find', () => {
    const rows = tableOf(page, 'mutation').map(([name = '', what]) => [name.replaceAll('`', ''), what]);
    expect(rows).toEqual(Object.entries(MUTATIONS));
  });

  it('shows a run in which no promise was broken', () => {
    const runs = tableOf(page, 'what');
    expect(runs.length).toBeGreaterThan(0);
    for (const [, , , , , , paidTwice, lost, capBreaches] of runs) {
      expect([paidTwice, lost, capBreaches]).toEqual(['0', '0', '0']);
    }
  });
});

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { BENCHES, holds, readResults } from '../../bench/support/figures.ts';
import { median, withFigures } from '../../bench/support/figures-page.ts';

const PAGE = join(import.meta.dirname, '../../bench/README.md');

async function savedResults() {
  const results = await Promise.all(BENCHES.map(readResults));
  return results.filter((one) => one !== undefined);
}

describe('the page of the benches', () => {
  it('holds exactly the figures of the saved runs', async () => {
    const page = await readFile(PAGE, 'utf8');
    expect(withFigures(page, await savedResults())).toBe(page);
  });

  it('has runs of the benches that have limits, and none that broke one', async () => {
    const results = await savedResults();
    expect(results.map(({ bench }) => bench)).toEqual(expect.arrayContaining(['enqueue', 'slots']));
    for (const { runs } of results) {
      expect(runs.length).toBeGreaterThan(0);
      expect(runs.flatMap(({ figures }) => figures).filter((figure) => !holds(figure))).toEqual([]);
    }
  });

  it('shows the median, which one disturbed run does not move', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 90])).toBe(3);
  });
});

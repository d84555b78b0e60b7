import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { readList } from '../../../../src/producer/list/list.ts';
import { planList } from '../../../../src/producer/plan/plan.ts';
import { formatUsd } from '../../../../src/shared/base/money.ts';
import { readPlanChunk } from '../../../../src/shared/journal/plan-row.ts';
import { defaultRegistry } from '../../../../src/shared/models/registry.ts';
import { readPage, tableOf } from '../../../support/docs.ts';

async function planned(name: string, model = 'gpt-image-1-mini') {
  const spoolFolder = await mkdtemp(join(tmpdir(), 'shotlist-examples-'));
  try {
    await using plan = await planList({
      rows: readList({ kind: 'file', path: join('examples', name) }),
      listName: name,
      options: { inputs: {} },
      registry: defaultRegistry(),
      defaultModel: defaultRegistry().get(model),
      recipes: new Set(['catalog', 'original']),
      made: async () => [],
      hashOf: async () => '',
      spoolFolder,
      clock: () => 0,
    });
    return { totals: plan.totals, rows: readPlanChunk(await plan.chunk(0)) };
  } finally {
    await rm(spoolFolder, { recursive: true });
  }
}

describe('the example catalog', () => {
  it('shows what a list can hold, for less than a newcomer minds to spend', async () => {
    const { totals, rows } = await planned('catalog.csv');
    expect(totals.shots).toBe(24);
    expect(totals.maxMicroUsd).toBeLessThan(3_000_000);
    expect(totals.maxMicroUsd).toBeLessThan(totals.naiveMicroUsd);
    expect(totals.minMicroUsd).toBeLessThan(totals.maxMicroUsd);
    expect(rows.some((row) => row.variants === 6)).toBe(true);
    expect(new Set(rows.map((row) => row.input['quality']))).toEqual(
      new Set(['low', 'medium', 'high', 'auto']),
    );
    expect(new Set(rows.map((row) => row.input['image_size'])).size).toBe(3);
    expect(new Set(rows.map((row) => row.input['output_format']))).toEqual(new Set(['png', 'jpeg', 'webp']));
    expect(rows.filter((row) => row.input['background'] === 'transparent')).toHaveLength(1);
    expect(rows.filter((row) => row.recipe === 'original')).toHaveLength(1);
  });

  it('costs what its page says, for every model', async () => {
    const rows = tableOf(await readPage('examples/README.md'), 'model');
    expect(rows.map(([alias]) => alias)).toEqual(defaultRegistry().models.map(({ alias }) => alias));
    for (const [alias = '', estimate, naive] of rows) {
      const { totals } = await planned('catalog.csv', alias);
      const { minMicroUsd, maxMicroUsd, naiveMicroUsd } = totals;
      expect({ alias, estimate, naive }).toEqual({
        alias,
        estimate: `${formatUsd(minMicroUsd)} to ${formatUsd(maxMicroUsd)}`,
        naive: formatUsd(naiveMicroUsd),
      });
    }
  });

  it('holds exactly one prompt that fal refuses', async () => {
    const { rows } = await planned('catalog.csv');
    expect(rows.filter((row) => /\bblood\b/i.test(row.prompt)).map((row) => row.shot)).toEqual(['HAL-021']);
  });

  it('has a little brother in JSONL whose prompts are templates', async () => {
    const { rows } = await planned('catalog.jsonl');
    expect(rows).toHaveLength(3);
    for (const row of rows) expect(row.prompt).not.toContain('{{');
  });
});

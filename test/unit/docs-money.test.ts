import { describe, expect, it } from '@jest/globals';
import { COST_SOURCES } from '../../src/shared/journal-objects.ts';
import { priceOf } from '../../src/shared/models/price.ts';
import { defaultRegistry } from '../../src/shared/models/registry.ts';
import { MICRO_USD_PER_CENT } from '../../src/shared/money.ts';
import { readPage, tableOf } from '../support/docs.ts';

const page = await readPage('docs/money.md');
const sizes: Readonly<Record<string, string>> = { square: '1024x1024', other: '1536x1024' };

describe('docs/money.md', () => {
  it('has the price of every request as the model file makes it', () => {
    const model = defaultRegistry().defaultModel;
    const rows = tableOf(page, 'quality, size');
    expect(rows).toHaveLength(6);
    for (const [kind = '', ...cells] of rows) {
      const [quality = '', size = ''] = kind.split(', ');
      const values = { quality, image_size: sizes[size] ?? '' };
      const cents = [1, 2, 3, 4].map(
        (n) => priceOf(model, values, 'a short prompt', n).maxMicroUsd / MICRO_USD_PER_CENT,
      );
      expect({ kind, cents: cells.map(Number) }).toEqual({ kind, cents });
    }
  });

  it('names every source of a cost, the best first', () => {
    expect(tableOf(page, 'source').map(([source]) => source)).toEqual([...COST_SOURCES]);
  });
});

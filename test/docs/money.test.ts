import { describe, expect, it } from '@jest/globals';
import { formatUsd, MICRO_USD_PER_CENT, toUsd } from '../../src/shared/base/money.ts';
import { COST_SOURCES } from '../../src/shared/journal/objects.ts';
import { listPrice, priceOf } from '../../src/shared/models/price.ts';
import { defaultRegistry } from '../../src/shared/models/registry.ts';
import { readPage, tableOf } from '../support/docs.ts';

const page = await readPage('docs/money.md');
const QUALITIES = ['low', 'medium', 'high', 'xhigh', 'max'];
const sizes: Readonly<Record<string, string>> = { square: '1024x1024', other: '1536x1024' };

describe('docs/money.md', () => {
  it('has the price of every request as the model file makes it', () => {
    const model = defaultRegistry().get('gpt-image-1-mini');
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

  it.each(['gpt-image-2.5-flare', 'gpt-image-2.5-sunburst'])(
    'has the price of every picture of %s',
    (alias) => {
      const model = defaultRegistry().get(alias);
      const priced = tableOf(page, 'size').flatMap(([named = '', ...cells]) =>
        named
          .split(', ')
          .flatMap((image_size) =>
            cells.map((usd, at) => ({ image_size, quality: QUALITIES[at] ?? '', usd })),
          ),
      );
      const sizesOfFile = model.inputs.find(({ name }) => name === 'image_size')?.options ?? [];
      expect(priced.map(({ image_size, quality }) => `${image_size} ${quality}`)).toEqual(
        sizesOfFile.flatMap((size) => QUALITIES.map((quality) => `${size} ${quality}`)),
      );
      for (const { image_size, quality, usd } of priced) {
        const { maxMicroUsd } = listPrice(model, { image_size, quality });
        expect({ image_size, quality, usd }).toEqual({
          image_size,
          quality,
          usd: String(toUsd(maxMicroUsd)),
        });
      }
    },
  );

  it('agrees with the prices of the README', async () => {
    const rows = tableOf(await readPage('README.md'), 'model');
    expect(rows.map(([alias]) => alias).sort()).toEqual(
      defaultRegistry()
        .models.map(({ alias }) => alias)
        .sort(),
    );
    for (const [alias = '', low, medium, high, step] of rows) {
      const model = defaultRegistry().get(alias);
      const price = (quality: string) =>
        formatUsd(listPrice(model, { quality, image_size: '1024x1024' }).maxMicroUsd);
      expect([alias, low, medium, high, step]).toEqual([
        alias,
        price('low'),
        price('medium'),
        price('high'),
        formatUsd(model.price.roundUpToMicroUsd),
      ]);
    }
  });

  it('names every source of a cost, the best first', () => {
    expect(tableOf(page, 'source').map(([source]) => source)).toEqual([...COST_SOURCES]);
  });
});

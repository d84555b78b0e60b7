import { describe, expect, it } from '@jest/globals';
import { columnsLine, columnsSentence, isDear, timesText } from '../../../../src/cli/output/columns.ts';
import { ColumnCosts } from '../../../../src/producer/estimate/column-costs.ts';
import { requestsOf } from '../../../../src/producer/plan/requests.ts';
import { IdSet } from '../../../../src/producer/shots/id-set.ts';
import type { ListOptions } from '../../../../src/producer/shots/options.ts';
import { createValidator } from '../../../../src/producer/shots/shot.ts';
import { pricerOf } from '../../../../src/shared/models/price.ts';
import { defaultRegistry } from '../../../../src/shared/models/registry.ts';

const registry = defaultRegistry();

/** What the columns of these rows cost, `made` pictures of each row being there already. */
function costsOf(
  rows: readonly Readonly<Record<string, string>>[],
  { made = [], ...options }: Partial<ListOptions> & { readonly made?: readonly number[] } = {},
) {
  const all = { inputs: {}, ...options };
  const model = registry.get('gpt-image-1-mini');
  const validate = createValidator({
    registry,
    fallback: { model, rows: 0 },
    options: all,
    recipes: new Set(['catalog']),
    ids: new IdSet(),
    warnings: new Set(),
  });
  const costs = new ColumnCosts({ options: all, registry, defaultModel: model });
  for (const [index, columns] of rows.entries()) {
    const validated = validate({
      line: index + 2,
      columns: { id: `S-${index}`, prompt: 'A mug', ...columns },
    });
    if (!validated.ok) throw new Error(validated.faults[0]?.sentence ?? 'a fault');
    const { shot } = validated;
    costs.add({ shot, requests: requestsOf(shot, made, pricerOf(shot.model, shot.values, shot.prompt)) });
  }
  return costs.totals();
}

describe('what the columns of a list cost', () => {
  it("is said of a shop's own stock in a column called variants", () => {
    const costs = costsOf([{ variants: '42' }, { variants: '42' }]);
    expect(costs).toEqual({ columns: [{ column: 'variants', rows: 2, images: 84, times: 42 }], times: 42 });
    expect(columnsLine(costs)).toBe(
      'The column variants makes 84 pictures of 2 rows; a column that means something else in your shop: --ignore variants',
    );
    expect(isDear(costs)).toBe(true);
  });

  it('is said of a dearer model, quality or size, each by what the row would cost without it', () => {
    const { columns, times } = costsOf([
      { quality: 'high', image_size: '1536x1024' },
      { model: 'gpt-image-2.5-flare', quality: 'max', image_size: '3840x2160' },
      {},
    ]);
    expect(columns.map(({ column, rows }) => [column, rows])).toEqual([
      ['quality', 2],
      ['model', 1],
      ['image_size', 2],
    ]);
    expect(columns[0]?.times).toBeCloseTo((52_000 + 400_260) / (15_000 + 25_950));
    // The default model has neither this quality nor this size: without the model, those of the options count.
    expect(columns[1]?.times).toBeCloseTo(400_260 / 11_000);
    expect(times).toBeCloseTo((52_000 + 400_260 + 11_000) / 33_000);
    expect(columnsSentence(columns.slice(0, 2))).toBe(
      'The column quality makes 2 pictures of 2 rows 11 times as dear, model makes 1 picture of 1 row 36 times as dear',
    );
  });

  it('is nothing where the options say the same, the cell is empty or the column makes it cheaper', () => {
    const nothing = { columns: [], times: 1 };
    expect(costsOf([{ variants: '4' }], { variants: '4' })).toEqual(nothing);
    expect(costsOf([{ variants: ' ', quality: '' }])).toEqual(nothing);
    expect(costsOf([{ quality: 'high' }], { inputs: { quality: 'high' } })).toEqual(nothing);
    expect(costsOf([{ quality: 'low' }])).toMatchObject({ columns: [] });
    expect(costsOf([])).toEqual(nothing);
  });

  it('counts only what is still to be paid', () => {
    const made = (count: number) => Array.from({ length: count }, (_, index) => index);
    expect(costsOf([{ variants: '42' }], { made: made(42) })).toEqual({ columns: [], times: 1 });
    expect(costsOf([{ variants: '42' }], { made: made(41) })).toEqual({ columns: [], times: 1 });
    expect(costsOf([{ variants: '42' }], { made: made(32) })).toMatchObject({ times: 10 });
  });

  it('does not ask about four pictures a row, nor about high quality in place of medium', () => {
    expect(isDear(costsOf([{ variants: '4' }]))).toBe(false);
    expect(isDear(costsOf([{ variants: '5' }]))).toBe(false);
    expect(isDear(costsOf([{ variants: '6' }]))).toBe(true);
    for (const { alias: model } of registry.models)
      expect(isDear(costsOf([{ quality: 'high' }], { model }))).toBe(false);
    expect(isDear(costsOf([{ variants: '4', quality: 'high' }]))).toBe(true);
  });

  it('is said with one decimal, and none from ten on', () => {
    expect([2.04, 3.25, 9.96, 41.6, 1_234].map(timesText)).toEqual([
      '2 times',
      '3.3 times',
      '10 times',
      '42 times',
      '1,234 times',
    ]);
  });
});

import { describe, expect, it } from '@jest/globals';
import { ProofSample, type SampledShot } from '../../../../src/producer/plan/proof.ts';
import type { PlannedRequest } from '../../../../src/shared/journal/plan-row.ts';
import { defaultRegistry } from '../../../../src/shared/models/registry.ts';
import { shotKeyOf } from '../../../../src/shared/store/keys.ts';

const model = defaultRegistry().get('gpt-image-1-mini');

function shot(row: number, quality: string, more: Partial<SampledShot> = {}): SampledShot {
  const shotKey = shotKeyOf({
    id: `SKU-${row}`,
    model: model.endpoint,
    prompt: 'a cup',
    options: { quality },
    take: 0,
  });
  const pay: PlannedRequest = {
    part: 0,
    indices: [0],
    kind: 'pay',
    minMicroUsd: 10_000,
    maxMicroUsd: 20_000,
  };
  return { row, shotKey, model, values: { quality, image_size: '1024x1024' }, requests: [pay], ...more };
}

function chosen(size: number, shots: Iterable<SampledShot>) {
  const sample = new ProofSample(size);
  for (const one of shots) sample.add(one);
  return sample.chosen();
}

/** 900 rows at medium, 90 at high, 10 at low. */
const catalog = Array.from({ length: 1_000 }, (_, row) =>
  shot(row, row % 100 === 0 ? 'low' : row % 10 === 5 && row % 100 !== 5 ? 'high' : 'medium'),
);
const qualityOf = (row: number) => catalog[row]?.values['quality'];

describe('the sample of a proof', () => {
  it('is spread over the options of the list, the biggest group first', () => {
    const { rows, payableRows, maxMicroUsd } = chosen(8, catalog);
    expect(rows).toHaveLength(8);
    expect(new Set(rows).size).toBe(8);
    expect(payableRows).toBe(1_000);
    expect(maxMicroUsd).toBe(8 * 20_000);
    const of = (quality: string) => rows.filter((row) => qualityOf(row) === quality).length;
    expect([of('medium'), of('high'), of('low')]).toEqual([3, 3, 2]);
    expect(chosen(1, catalog).rows.map(qualityOf)).toEqual(['medium']);
  });

  it('is the same for the same list, and takes the same shots wherever they stand in it', () => {
    const first = chosen(12, catalog).rows;
    expect(chosen(12, catalog).rows).toEqual(first);
    expect(chosen(12, catalog.toReversed()).rows).toEqual(first);
    // A bigger sample keeps what a smaller one has.
    expect(chosen(40, catalog).rows).toEqual(expect.arrayContaining([...first]));
  });

  it('takes more of the other groups where one has too few', () => {
    const { rows } = chosen(100, catalog);
    expect(rows).toHaveLength(100);
    expect(rows.filter((row) => qualityOf(row) === 'low')).toHaveLength(10);
  });

  it('leaves out rows of which nothing is to be paid, and says how many the others are', () => {
    const reuse: PlannedRequest = { part: 0, indices: [0], kind: 'reuse', minMicroUsd: 0, maxMicroUsd: 0 };
    const made = Array.from({ length: 50 }, (_, row) => shot(row, 'medium', { requests: [reuse] }));
    expect(chosen(5, made)).toEqual({ rows: [], payableRows: 0, maxMicroUsd: 0 });
    expect(chosen(5, [...made, shot(50, 'low'), shot(51, 'low')])).toEqual({
      rows: [50, 51],
      payableRows: 2,
      maxMicroUsd: 40_000,
    });
  });
});

import { describe, expect, it } from '@jest/globals';
import { endpointsOf } from '../../../../src/local/fal/endpoints.ts';
import { fromUsd } from '../../../../src/shared/base/money.ts';
import { expectedOf } from '../../../../src/shared/models/expected.ts';
import { listPrice, priceOf } from '../../../../src/shared/models/price.ts';
import { createRegistry, defaultRegistry } from '../../../../src/shared/models/registry.ts';
import { sizeWord } from '../../../../src/shared/models/wire.ts';
import { inputOf } from '../../../../src/shared/requests/input.ts';

const registry = defaultRegistry();
const models = [registry.get('gpt-image-2.5-flare'), registry.get('gpt-image-2.5-sunburst')];
const [model] = models;
const FACTORS = { low: 16, medium: 24, high: 48, xhigh: 64, max: 96 } as const;

/** As users read it out of fal's bills: tokens by quality, edges and pixels, $30 a million. */
function pictureMicroUsd(quality: keyof typeof FACTORS, size: string): number {
  const [width = 0, height = 0] = size.split('x').map(Number);
  const [long, short] = [Math.max(width, height), Math.min(width, height)];
  const factor = FACTORS[quality];
  const steps = Math.floor((2 * factor * short + long) / (2 * long));
  return 30 * Math.ceil((factor * steps * (2_000_000 + width * height)) / 4_000_000);
}

describe.each(models.map((one) => [one.alias, one] as const))('%s', (_alias, one) => {
  const sizes = one.inputs.find(({ name }) => name === 'image_size')?.options ?? [];

  it('has fifteen sizes that fal takes', () => {
    expect(sizes).toHaveLength(15);
    for (const size of sizes) {
      const [width = 0, height = 0] = size.split('x').map(Number);
      expect([width % 16, height % 16]).toEqual([0, 0]);
      expect(width * height).toBeGreaterThanOrEqual(655_360);
      expect(width * height).toBeLessThanOrEqual(8_294_400);
    }
  });

  it('has the price of every quality and size that its formula makes', () => {
    for (const quality of Object.keys(FACTORS) as (keyof typeof FACTORS)[]) {
      for (const image_size of sizes) {
        const microUsd = pictureMicroUsd(quality, image_size);
        const price = listPrice(one, { quality, image_size });
        expect({ quality, image_size, ...price }).toEqual({
          quality,
          image_size,
          minMicroUsd: microUsd,
          maxMicroUsd: microUsd,
        });
      }
    }
  });

  it('reserves at least what the simulated fal bills, whatever the prompt', () => {
    const endpoint = endpointsOf().get(one.endpoint);
    if (endpoint === undefined) throw new Error('not simulated');
    const values = { quality: 'medium', image_size: '1536x1024', background: 'auto', output_format: 'png' };
    for (const prompt of [
      'a',
      'a red mug on oak',
      '赤いマグカップ、白い背景、柔らかい光',
      '🫖'.repeat(50),
      'x '.repeat(2_000),
    ]) {
      for (const n of [1, 3, 10]) {
        const input = inputOf({ row: { prompt, input: values }, model: one }, n);
        expect(endpoint.issues(input)).toEqual([]);
        const billed = Math.ceil(endpoint.costMicroUsd(input) / 100) * 100;
        const { minMicroUsd, maxMicroUsd } = priceOf(one, values, prompt, n);
        expect(billed).toBeLessThanOrEqual(maxMicroUsd);
        expect(billed).toBeGreaterThanOrEqual(minMicroUsd);
        expect(maxMicroUsd % 100).toBe(0);
      }
    }
  });
});

describe('the price of a prompt that nobody can count', () => {
  const values = { quality: 'low', image_size: '1024x1024' };
  const price = (prompt: string, n: number) => {
    if (model === undefined) throw new Error('no model');
    return priceOf(model, values, prompt, n);
  };

  it.each([
    // 5 micro-dollars a token; least a sixth of the characters, most the bytes.
    ['60 letters', 'x'.repeat(60), 1, 6_000, 6_200],
    // 30 words of one letter: four a word are more than their 59 bytes.
    ['30 words', Array(30).fill('x').join(' '), 1, 6_000, 6_500],
    // One word of 20 characters and 60 bytes.
    ['Japanese', 'あ'.repeat(20), 1, 5_900, 6_200],
    // Two UTF-16 units are one character.
    ['a pair', '🫖'.repeat(60), 1, 6_000, 7_100],
    ['three pictures', 'x'.repeat(60), 3, 17_800, 18_600],
  ])('%s', (_name, prompt, n, minMicroUsd, maxMicroUsd) => {
    expect(price(prompt, n)).toEqual({ minMicroUsd, maxMicroUsd });
  });
});

describe('a bill in dollars', () => {
  it('is settled to the micro-dollar, for every amount up to ten dollars', () => {
    for (let steps = 1; steps <= 100_000; steps += 1) {
      // As fal writes it: `x-fal-billable-units: 0.0062`, at a unit price of 1.
      const units = Number((steps / 10_000).toFixed(4));
      if (fromUsd(units * 1) !== steps * 100) throw new Error(`${units} became ${fromUsd(units)}`);
    }
    expect(fromUsd(0.0062 * 1)).toBe(6_200);
  });
});

describe('a size on the wire', () => {
  it('is width and height, and the word everywhere else', () => {
    if (model === undefined) throw new Error('no model');
    const row = { prompt: 'a mug', input: { quality: 'low', image_size: '1536x1024' } };
    expect(inputOf({ row, model }, 2)).toEqual({
      prompt: 'a mug',
      quality: 'low',
      image_size: { width: 1536, height: 1024 },
      num_images: 2,
    });
    expect(expectedOf(model, row.input)).toMatchObject({ width: 1536, height: 1024 });
    expect(sizeWord({ width: 1536, height: 1024 })).toBe('1536x1024');
    expect(sizeWord('1536x1024')).toBe('1536x1024');
    expect(sizeWord(null)).toBeUndefined();
  });

  it('is refused in a model file whose size is a word of another kind', () => {
    if (model === undefined) throw new Error('no model');
    const inputs = model.inputs.map((input) =>
      input.wire === undefined ? input : { ...input, options: [...(input.options ?? []), 'auto'] },
    );
    expect(() => createRegistry([{ ...model, inputs }])).toThrow('has no width and height');
  });
});

import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { endWarning } from '../../../../src/shared/models/model-end.ts';
import { createRegistry, defaultRegistry } from '../../../../src/shared/models/registry.ts';
import { tierOf } from '../../../../src/shared/models/tier.ts';

const registry = defaultRegistry();
const mini = registry.get('gpt-image-1-mini');

describe('the model registry', () => {
  it('finds a model by endpoint id and by alias', () => {
    expect(registry.get('fal-ai/gpt-image-1-mini')).toBe(mini);
    expect(registry.get('gpt-image-1-mini')).toBe(mini);
    expect(registry.find('nothing')).toBeUndefined();
  });

  it('names the nearest model where there is none of that name', () => {
    expect(() => registry.get('gpt-image-mini')).toThrow(
      'There is no model "gpt-image-mini"; the nearest is gpt-image-1-mini.',
    );
    expect(() => registry.get('zzz')).toThrow(
      'use one of gpt-image-1-mini, gpt-image-2.5-flare, gpt-image-2.5-sunburst',
    );
  });

  it('refuses two models of one name, and a file that contradicts itself', () => {
    expect(() => createRegistry([mini, mini])).toThrow('two models are called');
    expect(() => createRegistry([])).toThrow('needs a model');
    expect(() =>
      createRegistry([{ ...mini, inputs: mini.inputs.map((input) => ({ ...input, default: 'ultra' })) }]),
    ).toThrow('none of its options');
    expect(() => createRegistry([{ ...mini, inputs: [...mini.inputs, ...mini.inputs.slice(0, 1)] }])).toThrow(
      'twice',
    );
  });

  it('refuses a price rule that leaves a combination of options without a price', () => {
    if (mini.price.kind !== 'image-tokens') throw new Error('another rule');
    const price = { ...mini.price, tiers: mini.price.tiers.slice(0, -1) };
    expect(() => createRegistry([{ ...mini, price }])).toThrow('has no price for');
  });
});

describe('the tier of a model', () => {
  it('is the input to choose between cheap and good by, without the undecided option', () => {
    const tier = tierOf(mini);
    expect(tier?.input.flag).toBe('quality');
    expect(tier?.options).toEqual(['low', 'medium', 'high']);
    expect(tierOf({ ...mini, inputs: mini.inputs.map(({ tier: _, ...input }) => input) })).toBeUndefined();
  });

  it('is refused where its options do not ascend in price', () => {
    const inputs = mini.inputs.map((input) =>
      input.tier === true ? { ...input, options: ['high', 'medium', 'low', 'auto'] } : input,
    );
    expect(() => createRegistry([{ ...mini, inputs }])).toThrow('do not ascend in price');
  });
});

describe('the announced end of a model', () => {
  it.each([
    ['2026-10-01T00:00:00Z', undefined],
    ['2026-11-01T00:00:00Z', 'in 30 days'],
    ['2026-11-30T12:00:00Z', 'in 1 day '],
    ['2026-12-01T00:00:00Z', 'ended on 2026-12-01'],
    ['2027-03-01T00:00:00Z', 'it is used for as long as fal answers'],
  ])('at %s the warning is %s', (now, part) => {
    const warning = endWarning(mini, registry, Date.parse(now));
    if (part === undefined) expect(warning).toBeUndefined();
    else {
      expect(warning).toContain(part);
      expect(warning).toContain('write --model gpt-image-2.5-flare');
    }
  });

  it('names the successor by its endpoint where it has no model file', () => {
    const { ends } = mini;
    if (ends === undefined) throw new Error('it has no end');
    const other = { ...mini, ends: { ...ends, successor: 'acme/next' } };
    expect(endWarning(other, registry, Date.parse('2026-12-24T00:00:00Z'))).toContain('--model acme/next');
  });

  it('is nothing to warn about where none was announced', () => {
    const { ends: _, ...endless } = mini;
    expect(endWarning(endless, registry, Date.parse('2026-12-24T00:00:00Z'))).toBeUndefined();
  });
});

describe('a model is data', () => {
  it('nothing outside its file knows the name, but for the registry that imports the file', async () => {
    const files = await readdir('src', { recursive: true });
    const naming: string[] = [];
    for (const file of files) {
      if (!file.endsWith('.ts')) continue;
      const text = await readFile(join('src', file), 'utf8');
      // The simulator plays fal, and so has a table of endpoints of its own.
      if (file.startsWith(join('local', 'fal'))) continue;
      const known = text.replaceAll(/from '\.\/gpt-image-[\w.-]+\.ts'/g, '');
      if (known.includes('gpt-image')) naming.push(basename(file));
    }
    expect(naming.sort()).toEqual([
      'gpt-image-1-mini.ts',
      'gpt-image-2.5-flare.ts',
      'gpt-image-2.5-sunburst.ts',
      'gpt-image-2.5.ts',
    ]);
  });
});

import { describe, expect, it } from '@jest/globals';
import { DEFAULT_RECIPE, DEFAULT_VARIANTS } from '../../src/producer/list-options.ts';
import { MAX_VARIANTS } from '../../src/producer/shot-fields.ts';
import { defaultRegistry } from '../../src/shared/models/registry.ts';
import { readPage, tableOf } from '../support/docs.ts';

const page = await readPage('docs/list.md');
const model = defaultRegistry().defaultModel;

describe('docs/list.md', () => {
  it("has the default model's inputs as its file has them", () => {
    const coded = model.inputs.map(({ name, flag, options, default: fallback, description }) => [
      name,
      `--${flag}`,
      (options ?? ['true', 'false']).join(', '),
      String(fallback),
      description,
    ]);
    expect(tableOf(page, 'input')).toEqual(coded);
  });

  it('has the defaults and limits of the other columns', () => {
    const rows = new Map(tableOf(page, 'column').map(([column = '', ...cells]) => [column, cells]));
    expect(rows.get('variants')?.[1]).toBe(DEFAULT_VARIANTS);
    expect(rows.get('variants')?.[2]).toContain(`1 to ${MAX_VARIANTS}`);
    expect(rows.get('recipe')?.[1]).toBe(DEFAULT_RECIPE);
    expect(rows.get('model')?.[1]).toBe(model.alias);
    expect(page).toContain(`at most ${model.prompt.maxCharacters.toLocaleString('en')} characters`);
  });
});

import { describe, expect, it } from '@jest/globals';
import { LIST_LIMITS } from '../../src/producer/list/limits.ts';
import { MAX_VARIANTS } from '../../src/producer/shots/fields.ts';
import { DEFAULT_RECIPE, DEFAULT_VARIANTS } from '../../src/producer/shots/options.ts';
import { SETTINGS } from '../../src/shared/base/config.ts';
import { successorOf } from '../../src/shared/models/model-end.ts';
import { defaultRegistry } from '../../src/shared/models/registry.ts';
import { MAX_PLACEHOLDERS } from '../../src/shared/pictures/template.ts';
import { readPage, tableOf } from '../support/docs.ts';

const page = await readPage('docs/list.md');
const registry = defaultRegistry();
const model = registry.get('gpt-image-2.5-flare');

describe('docs/list.md', () => {
  it.each([
    ['gpt-image-2.5-flare', 'input'],
    ['gpt-image-2.5-sunburst', 'input'],
    ['gpt-image-1-mini', 'old input'],
  ])('has the inputs of %s as its file has them', (alias, heading) => {
    const coded = registry
      .get(alias)
      .inputs.map(({ name, flag, options, default: fallback, description }) => [
        name,
        `--${flag}`,
        (options ?? ['true', 'false']).join(', '),
        String(fallback),
        description,
      ]);
    expect(tableOf(page, heading)).toEqual(coded);
  });

  it('has the limits of a list as the code has them', () => {
    const count = (value: number) => value.toLocaleString('en-US');
    expect(tableOf(page, 'limit').map(([, value]) => value)).toEqual([
      `${LIST_LIMITS.rowBytes / 1_024} KiB`,
      count(LIST_LIMITS.columns),
      count(LIST_LIMITS.columnNameCharacters),
      `${count(LIST_LIMITS.unpackedBytes / 1_048_576)} MiB (LIST_MAX_MB)`,
      `${LIST_LIMITS.gzipRatio} times its size, above ${LIST_LIMITS.ratioFreeBytes / 1_048_576} MiB`,
      count(LIST_LIMITS.blankRows),
      `${count(LIST_LIMITS.faults)}: the list is read no further`,
      count(MAX_PLACEHOLDERS),
    ]);
    expect(SETTINGS.LIST_MAX_MB.default).toBe(String(LIST_LIMITS.unpackedBytes / 1_048_576));
  });

  it('has the defaults and limits of the other columns', () => {
    const rows = new Map(tableOf(page, 'column').map(([column = '', ...cells]) => [column, cells]));
    expect(rows.get('variants')?.[1]).toBe(DEFAULT_VARIANTS);
    expect(rows.get('variants')?.[2]).toContain(`1 to ${MAX_VARIANTS}`);
    expect(rows.get('recipe')?.[1]).toBe(DEFAULT_RECIPE);
    expect(page).toContain(`at most ${model.prompt.maxCharacters.toLocaleString('en')} characters`);
  });

  it('has every model with its end and its successor', () => {
    const coded = registry.models.map((one) => [
      one.alias,
      one.endpoint,
      one.ends?.date ?? '',
      successorOf(one, registry) ?? '',
    ]);
    expect(tableOf(page, 'model')).toEqual(coded);
  });
});

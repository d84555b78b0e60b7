import { describe, expect, it } from '@jest/globals';
import { SETTINGS } from '../../src/shared/base/config.ts';
import { readPage, tableOf } from '../support/docs.ts';

describe('docs/settings.md', () => {
  it('names every setting with its default and meaning, as the code has them', async () => {
    const coded = Object.entries<{ default: string | undefined; meaning: string }>(SETTINGS).map(
      ([name, { default: fallback, meaning }]) => [name, fallback || 'none', meaning],
    );
    expect(tableOf(await readPage('docs/settings.md'), 'setting')).toEqual(coded);
  });
});

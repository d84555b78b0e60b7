import { describe, expect, it } from '@jest/globals';
import { DEFAULT_RECIPE } from '../../src/producer/shots/options.ts';
import { MAX_PICTURE_BYTES, MAX_PICTURE_PIXELS } from '../../src/shared/pictures/formats.ts';
import {
  CHECK_NAMES,
  loadRecipes,
  parseRecipe,
  shippedRecipesFolder,
} from '../../src/shared/pictures/recipes.ts';
import { NEARLY } from '../../src/worker/render/near-duplicates.ts';
import { blocksOf, readPage, tableOf } from '../support/docs.ts';

const page = await readPage('docs/recipes.md');

describe('docs/recipes.md', () => {
  it('has every rendition of the recipes that ship', async () => {
    const shipped = [...(await loadRecipes(shippedRecipesFolder())).values()].flatMap(
      ({ name, renditions }) =>
        renditions.length === 0
          ? [[name, 'none', '', '', '', '']]
          : renditions.map((one) => [
              name,
              one.name,
              one.format,
              String(one.width ?? ''),
              String(one.height ?? ''),
              one.fit,
            ]),
    );
    expect(tableOf(page, 'recipe')).toEqual(shipped);
  });

  it('shows a recipe that the program takes', () => {
    const [example = ''] = blocksOf(page, 'json');
    expect(parseRecipe('newsletter', example, 'the example').renditions.map(({ name }) => name)).toEqual([
      'wide',
      'square',
    ]);
  });

  it('names every field of a rendition, and the defaults that the schema has', () => {
    const recipe = (rendition: object) =>
      parseRecipe('x', JSON.stringify({ description: 'x', metadata: 'strip', renditions: [rendition] }), 'x')
        .renditions[0];
    const webp = recipe({ name: 'a', format: 'webp', quality: 80 });
    const avif = recipe({ name: 'a', format: 'avif', quality: 50 });
    expect(webp).toMatchObject({ fit: 'inside', effort: 2, withoutEnlargement: true });
    expect(avif).toMatchObject({ effort: 3 });
    const fields = tableOf(page, 'field').flatMap(([names = '']) => names.split(', '));
    expect(fields).toEqual(
      expect.arrayContaining([...Object.keys(webp ?? {}), 'width', 'height', 'background']),
    );
  });

  it('says of every check what is odd, and how near nearly is', () => {
    expect(tableOf(page, 'check').map(([name]) => name)).toEqual([...CHECK_NAMES]);
    expect(page).toContain(`may differ in ${NEARLY.bits}, and`);
    expect(page).toContain(`by ${NEARLY.colour} of 255`);
  });

  it('names the default and the limits of a picture', () => {
    expect(page).toContain(`\`${DEFAULT_RECIPE}\` is the default`);
    expect(page).toContain(`${MAX_PICTURE_PIXELS / 1_000_000} megapixels`);
    expect(page).toContain(`${MAX_PICTURE_BYTES / 1_048_576} MiB`);
  });
});

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { recipeWords } from '../../../../src/cli/output/recipe.ts';
import { UserError } from '../../../../src/shared/base/errors.ts';
import {
  loadRecipe,
  loadRecipes,
  parseRecipe,
  shippedRecipesFolder,
} from '../../../../src/shared/pictures/recipes.ts';
import { ownRecipe, readStoredRecipe, storeRecipe } from '../../../../src/shared/pictures/stored.ts';
import { mapStore } from '../../../support/map-store.ts';
import { opaquePicture } from '../../../support/pictures.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

const WEBP = { name: 'web', format: 'webp', quality: 80 };

function recipe(renditions: readonly unknown[], rest: object = {}): string {
  return JSON.stringify({ description: 'For a test.', metadata: 'strip', renditions, ...rest });
}

function faultOf(text: string, name = 'shop'): string {
  try {
    parseRecipe(name, text, `${name}.json`);
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
  return 'no fault';
}

describe('recipes', () => {
  it('the recipes that ship enlarge nothing and label everything', async () => {
    const recipes = await loadRecipes(shippedRecipesFolder());
    expect([...recipes.keys()]).toEqual([
      'amazon-main',
      'catalog',
      'etsy',
      'google-merchant',
      'original',
      'shopify',
      'web',
    ]);
    expect(recipes.get('original')?.renditions).toEqual([]);
    expect(
      recipes
        .get('catalog')
        ?.renditions.map(({ name, format, width, height }) => [name, format, width, height]),
    ).toEqual([
      ['full', 'webp', undefined, undefined],
      ['800', 'webp', 800, undefined],
      ['400', 'webp', 400, undefined],
      ['thumb', 'jpeg', 256, 256],
    ]);
    for (const { renditions, provenance } of recipes.values()) {
      expect(provenance).toBe('label');
      expect(renditions.every(({ withoutEnlargement }) => withoutEnlargement)).toBe(true);
    }
  });

  it('what a file leaves out is filled in, so that nothing is optional later', () => {
    expect(parseRecipe('shop', recipe([WEBP]), 'shop.json').renditions[0]).toEqual({
      ...WEBP,
      fit: 'inside',
      padding: 0,
      minQuality: 40,
      effort: 2,
      withoutEnlargement: true,
    });
  });

  it('where a file says nothing of metadata, nothing that the original carries is published', () => {
    const { metadata, rights } = parseRecipe(
      'shop',
      JSON.stringify({ description: 'x', renditions: [] }),
      'x',
    );
    expect({ metadata, rights }).toEqual({ metadata: 'strip', rights: {} });
  });

  const faults: readonly (readonly [string, string, string])[] = [
    [
      'a jpeg without a background',
      recipe([{ name: 'a', format: 'jpeg', quality: 80 }]),
      'renditions[0].background',
    ],
    ['a shape with one side', recipe([{ ...WEBP, fit: 'cover', width: 10 }]), 'renditions[0].fit'],
    ['enlargement', recipe([{ ...WEBP, withoutEnlargement: false }]), 'renditions[0].withoutEnlargement'],
    ['padding without a canvas', recipe([{ ...WEBP, padding: 0.1 }]), 'renditions[0].padding'],
    [
      'a byte limit that no quality may meet',
      recipe([{ ...WEBP, maxBytes: 5_000, minQuality: 90 }]),
      'minQuality',
    ],
    [
      'a watermark outside of its folder',
      recipe([{ ...WEBP, watermark: { image: '../logo.png' } }]),
      'renditions[0].watermark.image',
    ],
    [
      'a source that is no address',
      recipe([], { sources: [{ url: 'x', read: '2026-11-24', says: 'y' }] }),
      'sources',
    ],
    ['an unknown format', recipe([{ name: 'a', format: 'gif' }]), 'renditions[0].format'],
    ['a quality beyond 100', recipe([{ ...WEBP, quality: 101 }]), 'renditions[0].quality'],
    ['a field that nothing reads', recipe([{ ...WEBP, qualty: 80 }]), 'qualty'],
    ['a name that would leave its folder', recipe([{ ...WEBP, name: '../x' }]), 'renditions[0].name'],
    ['two renditions of one name', recipe([WEBP, WEBP]), 'renditions[1].name'],
    ['a metadata policy that does not exist', recipe([], { metadata: 'keep' }), 'metadata'],
    ['a right that no file could say', recipe([], { rights: { owner: 'Acme' } }), 'owner'],
    [
      'a licence that is no address',
      recipe([], { rights: { webStatement: 'licence.html' } }),
      'rights.webStatement',
    ],
    ['what is not JSON', '{', 'not JSON'],
  ];
  it.each(faults)('refused with the file and the field: %s', (_, text, field) => {
    const fault = faultOf(text);
    expect(fault).toContain('shop.json');
    expect(fault).toContain(field);
  });

  it('one error names every fault of a file', () => {
    const fault = faultOf(
      recipe([
        { ...WEBP, quality: 0 },
        { ...WEBP, name: 'B' },
      ]),
    );
    expect(fault).toContain('renditions[0].quality');
    expect(fault).toContain('renditions[1].name');
  });

  it('a file whose name no list could use is refused', () => {
    expect(faultOf(recipe([]), 'My Shop')).toContain('rename it');
  });

  it('a bad file in the folder is an error at start that names it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'shotlist-recipes-'));
    try {
      await writeFile(join(folder, 'good.json'), recipe([WEBP]));
      await writeFile(join(folder, 'bad.json'), recipe([{ ...WEBP, quality: 'high' }]));
      await writeFile(join(folder, 'notes.txt'), 'not a recipe');
      await expect(loadRecipes(folder)).rejects.toMatchObject({
        code: 'bad_recipe',
        message: expect.stringMatching(/bad\.json needs mending\. renditions\[0\]\.quality/),
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('a folder that is not there is a sentence, not a stack', async () => {
    await expect(loadRecipes(join(tmpdir(), 'no-such-recipes'))).rejects.toMatchObject({
      code: 'no_recipes',
    });
  });

  it("a file of one's own is told by its content, and comes back from the store with its watermark", async () => {
    await using folder = await tempFolder();
    const path = join(folder.path, 'shop.json');
    const mark = { ...WEBP, watermark: { image: 'logo.png', opacity: 0.5 } };
    await writeFile(path, recipe([mark]));
    await expect(loadRecipe(path)).rejects.toMatchObject({
      code: 'bad_recipe',
      message: expect.stringContaining('logo.png'),
    });
    const logo = await opaquePicture({ width: 8, height: 8 }, 'png');
    await writeFile(join(folder.path, 'logo.png'), logo);
    const own = ownRecipe(await loadRecipe(path));
    expect(own.planned).toMatch(/^shop@[0-9a-f]{12}$/);

    await using store = mapStore();
    await storeRecipe(store, own);
    const read = await readStoredRecipe(store, own.planned);
    expect(read).toEqual(own.recipe);
    expect(read?.files.get('logo.png')).toEqual(logo);
    expect(await readStoredRecipe(store, 'shop@000000000000')).toBeUndefined();

    await writeFile(join(folder.path, 'logo.png'), await opaquePicture({ width: 9, height: 9 }, 'png'));
    expect(ownRecipe(await loadRecipe(path)).planned).not.toBe(own.planned);
  });

  it.each([
    ['text', () => Buffer.from('the logo')],
    ['SVG', () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')],
    ['the first half of a png', (png: Buffer) => png.subarray(0, png.length / 2)],
  ])('a watermark that is %s is refused before anything is paid', async (_, bytesOf) => {
    await using folder = await tempFolder();
    const path = join(folder.path, 'shop.json');
    await writeFile(path, recipe([{ ...WEBP, watermark: { image: 'logo.png' } }]));
    await writeFile(
      join(folder.path, 'logo.png'),
      bytesOf(await opaquePicture({ width: 8, height: 8 }, 'png')),
    );
    await expect(loadRecipe(path)).rejects.toMatchObject({
      code: 'bad_recipe',
      message: expect.stringContaining('logo.png'),
    });
  });

  it('says in words which checks fail a picture, and which are left out; nothing of those that warn', () => {
    const words = (checks: object) =>
      recipeWords(parseRecipe('shop', recipe([WEBP], { checks }), 'shop.json'));
    expect(words({ 'near-duplicate': 'fail', clipped: 'fail', fill: 'off' }).slice(-2)).toEqual([
      'A picture that does not pass one of these checks fails: clipped, near-duplicate.',
      'Not looked at: fill.',
    ]);
    expect(words({ 'near-duplicate': 'warn' })).toEqual(words({}));
    expect(words({}).join()).not.toMatch(/check|looked/);
  });
});

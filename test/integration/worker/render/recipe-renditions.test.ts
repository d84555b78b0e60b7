import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { PictureError } from '../../../../src/shared/pictures/formats.ts';
import { loadRecipes, parseRecipe, shippedRecipesFolder } from '../../../../src/shared/pictures/recipes.ts';
import { type Rendered, renderAll } from '../../../../src/worker/render/render.ts';
import { foreignPicture } from '../../../support/foreign-pictures.ts';
import { noise, pixelAt, transparentPng } from '../../../support/pictures.ts';

const ANYTHING = { width: undefined, height: undefined, transparent: false };
const provenance = { model: 'a-model', madeAtMs: 0 };

async function render(
  original: Buffer,
  rendition: object,
  files: ReadonlyMap<string, Buffer> = new Map(),
): Promise<Rendered> {
  const text = JSON.stringify({
    description: 'x',
    metadata: 'strip',
    renditions: [{ name: 'a', ...rendition }],
  });
  const {
    renditions: [rendered],
  } = await renderAll(original, parseRecipe('x', text, 'x', files), { provenance, expected: ANYTHING });
  if (rendered === undefined) throw new Error('nothing was rendered');
  return rendered;
}

/** A black box on white, off the centre: what a trim has to find. */
async function boxOnWhite(): Promise<Buffer> {
  const box = await sharp({ create: { width: 200, height: 100, channels: 3, background: '#000000' } })
    .png()
    .toBuffer();
  return await sharp({ create: { width: 1024, height: 1024, channels: 3, background: '#fefefe' } })
    .composite([{ input: box, left: 700, top: 50 }])
    .png()
    .toBuffer();
}

describe('what a recipe may ask for', () => {
  it('a frame around the trimmed product, in the asked shape, smaller than asked where the product is small', async () => {
    const { bytes, width, height } = await render(await boxOnWhite(), {
      format: 'png',
      fit: 'frame',
      width: 1000,
      height: 1000,
      trim: 10,
      padding: 0.1,
      background: '#ffffff',
    });
    // 200 wide is 80 % of 250.
    expect([width, height]).toEqual([250, 250]);
    expect(await pixelAt(bytes, 125, 125)).toEqual([0, 0, 0, 255]);
    expect(await pixelAt(bytes, 24, 125)).toEqual([255, 255, 255, 255]);
    expect(await pixelAt(bytes, 125, 74)).toEqual([255, 255, 255, 255]);
  });

  it('a picture of one colour is not trimmed away', async () => {
    const plain = await sharp({ create: { width: 60, height: 40, channels: 3, background: '#ffffff' } })
      .png()
      .toBuffer();
    const { width, height } = await render(plain, { format: 'webp', quality: 80, trim: 10 });
    expect([width, height]).toEqual([60, 40]);
  });

  it.each(['webp', 'jpeg', 'avif'] as const)('the best %s within a limit of bytes', async (format) => {
    const picture = await noise({ width: 256, height: 256 }, 'png');
    const at = { format, quality: 95, ...(format === 'jpeg' ? { background: '#ffffff' } : {}) };
    const free = await render(picture, at);
    const maxBytes = Math.round(free.bytes.length * 0.6);
    const limited = await render(picture, { ...at, maxBytes, minQuality: 1 });
    expect(limited.bytes.length).toBeLessThanOrEqual(maxBytes);
    expect(limited.bytes.length).toBeGreaterThan(maxBytes * 0.75);
  });

  it('refuses a limit that no allowed quality meets, and says by how much', async () => {
    const picture = await noise({ width: 256, height: 256 }, 'png');
    await expect(
      render(picture, { format: 'webp', quality: 90, maxBytes: 1_000, minQuality: 60 }),
    ).rejects.toMatchObject({ code: 'over_byte_limit', message: expect.stringContaining('1,000') });
  });

  it('a watermark at its place, half transparent', async () => {
    const red = await sharp({ create: { width: 10, height: 10, channels: 3, background: '#ff0000' } })
      .png()
      .toBuffer();
    const white = await sharp({ create: { width: 200, height: 100, channels: 3, background: '#ffffff' } })
      .png()
      .toBuffer();
    const watermark = { image: 'logo.png', place: 'top-left', width: 0.1, margin: 0.05, opacity: 0.5 };
    const { bytes } = await render(white, { format: 'png', watermark }, new Map([['logo.png', red]]));
    // 20 pixels wide, 5 from the edges. Its alpha is rounded twice, once faded and once laid over.
    const [r = 0, g = 0, b = 0] = await pixelAt(bytes, 15, 15);
    expect(r).toBe(255);
    expect(Math.abs(g - 128)).toBeLessThanOrEqual(2);
    expect(Math.abs(b - 128)).toBeLessThanOrEqual(2);
    expect(await pixelAt(bytes, 4, 15)).toEqual([255, 255, 255, 255]);
    expect(await pixelAt(bytes, 26, 15)).toEqual([255, 255, 255, 255]);
  });

  it('says that it is the watermark that is no picture, which is no fault of the picture', async () => {
    await expect(
      render(
        await transparentPng({ width: 8, height: 8 }),
        { format: 'png', watermark: { image: 'logo.png' } },
        new Map([['logo.png', Buffer.from('no picture')]]),
      ),
    ).rejects.toMatchObject({ code: 'bad_recipe', message: expect.stringContaining('logo.png') });
  });

  it.each(['svg', 'tiff', 'gif', 'avif'] as const)(
    'a watermark that is %s in a file named .png fails the request for good',
    async (kind) => {
      await expect(
        render(
          await transparentPng({ width: 8, height: 8 }),
          { format: 'png', watermark: { image: 'logo.png' } },
          new Map([['logo.png', await foreignPicture(kind)]]),
        ),
      ).rejects.toThrow(PictureError);
    },
  );

  it('a sharpened picture has steeper edges', async () => {
    const edge = async (bytes: Buffer) => (await sharp(bytes).greyscale().stats()).channels[0]?.stdev ?? 0;
    const picture = await transparentPng({ width: 400, height: 400 });
    const soft = await render(picture, { format: 'jpeg', quality: 95, width: 90, background: '#ffffff' });
    const sharpened = await render(picture, {
      format: 'jpeg',
      quality: 95,
      width: 90,
      background: '#ffffff',
      sharpen: 1,
    });
    expect(await edge(sharpened.bytes)).toBeGreaterThan(await edge(soft.bytes));
  });
});

describe('the recipes that ship', () => {
  it('make every file of a transparent and of an opaque picture; jpegs lie on pure white', async () => {
    const product = await transparentPng({ width: 1024, height: 1024 });
    for (const recipe of (await loadRecipes(shippedRecipesFolder())).values()) {
      const { renditions: rendered } = await renderAll(product, recipe, { provenance, expected: ANYTHING });
      expect(rendered.map(({ name }) => name)).toEqual(recipe.renditions.map(({ name }) => name));
      for (const { format, bytes, width, height } of rendered) {
        if (format !== 'jpeg') continue;
        expect(await pixelAt(bytes, 1, 1)).toEqual([255, 255, 255, 255]);
        expect(await pixelAt(bytes, width - 2, height - 2)).toEqual([255, 255, 255, 255]);
      }
    }
  });
});

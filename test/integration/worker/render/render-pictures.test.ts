import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { optional } from '../../../../src/shared/base/time.ts';
import { PICTURE_LIMITS, PictureError } from '../../../../src/shared/pictures/formats.ts';
import {
  loadRecipes,
  parseRecipe,
  type Recipe,
  shippedRecipesFolder,
} from '../../../../src/shared/pictures/recipes.ts';
import { inspect } from '../../../../src/worker/render/inspect.ts';
import { xmpOf } from '../../../../src/worker/render/provenance.ts';
import { type Rendered, renderAll } from '../../../../src/worker/render/render.ts';
import { readPage, tableOf } from '../../../support/docs.ts';
import {
  animatedWebp,
  cmykJpeg,
  greyPng,
  hugeFlatPng,
  noise,
  ORANGE,
  opaquePicture,
  p3Png,
  palettePng,
  pixelAt,
  png16,
  transparentPng,
  turnedJpeg,
} from '../../../support/pictures.ts';

let catalog: Recipe;
let bare: Recipe;

const ANYTHING = { width: undefined, height: undefined, transparent: false };
const PROVENANCE = { model: 'fal-ai/gpt-image-1-mini', madeAtMs: Date.UTC(2026, 10, 24, 12) };

async function render(original: Buffer, recipe: Recipe, signal?: AbortSignal): Promise<readonly Rendered[]> {
  const { renditions } = await renderAll(original, recipe, {
    provenance: PROVENANCE,
    expected: ANYTHING,
    ...optional(signal),
  });
  return renditions;
}

beforeAll(async () => {
  const recipes = await loadRecipes(shippedRecipesFolder());
  const found = [recipes.get('catalog'), recipes.get('original')] as const;
  if (found[0] === undefined || found[1] === undefined) throw new Error('a shipped recipe is missing');
  [catalog, bare] = found;
});

const ALL_FORMATS = parseRecipe(
  'all',
  JSON.stringify({
    description: 'Every format and fit.',
    metadata: 'strip',
    renditions: [
      { name: 'png', format: 'png' },
      { name: 'avif', format: 'avif', quality: 60, effort: 0 },
      { name: 'pad', format: 'webp', quality: 90, width: 90, height: 90, fit: 'contain' },
      { name: 'cut', format: 'webp', quality: 90, width: 50, height: 50, fit: 'cover' },
      { name: 'cut-small', format: 'webp', quality: 90, width: 1_000, height: 500, fit: 'cover' },
      { name: 'green', format: 'jpeg', quality: 95, background: '#00ff00' },
    ],
  }),
  'all.json',
);

function byName(rendered: readonly Rendered[], name: string): Rendered {
  const found = rendered.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no rendition ${name}`);
  return found;
}

function near(actual: readonly number[], expected: readonly number[], by: number): boolean {
  return expected.every((value, at) => Math.abs(value - (actual[at] ?? -999)) <= by);
}

async function expectHonest(rendered: readonly Rendered[]): Promise<void> {
  for (const { bytes, format, width, height, sha256, contentType } of rendered) {
    const header = await sharp(bytes).metadata();
    expect([header.width, header.height]).toEqual([width, height]);
    expect(header.format === 'heif' ? header.compression : header.format).toBe(
      format === 'avif' ? 'av1' : format,
    );
    expect(contentType).toBe(`image/${format}`);
    expect(sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
    expect([header.exif, header.icc]).toEqual([undefined, undefined]);
    expect(header.xmpAsString).toBe(xmpOf(PROVENANCE));
    expect(header.space).toBe('srgb');
    expect(header.depth).toBe('uchar');
  }
}

describe('the catalog recipe', () => {
  it('makes its four files of a transparent picture: alpha kept in webp, white and not black in the jpeg', async () => {
    const rendered = await render(await transparentPng({ width: 1024, height: 1024 }), catalog);
    expect(rendered.map(({ name, format, width, height }) => [name, format, width, height])).toEqual([
      ['full', 'webp', 1024, 1024],
      ['800', 'webp', 800, 800],
      ['400', 'webp', 400, 400],
      ['thumb', 'jpeg', 256, 256],
    ]);
    await expectHonest(rendered);
    for (const name of ['full', '800', '400']) {
      expect((await pixelAt(byName(rendered, name).bytes, 2, 2))[3]).toBe(0);
      expect((await pixelAt(byName(rendered, name).bytes, 200, 200))[3]).toBe(name === '400' ? 255 : 0);
    }
    const thumb = byName(rendered, 'thumb').bytes;
    expect(near(await pixelAt(thumb, 2, 2), [255, 255, 255, 255], 1)).toBe(true);
    expect(near(await pixelAt(thumb, 128, 128), [255, 0, 0, 255], 6)).toBe(true);
  });

  it('keeps the shape of a wide picture and centres its thumbnail on white', async () => {
    const rendered = await render(await opaquePicture({ width: 1536, height: 1024 }, 'png'), catalog);
    expect(rendered.map(({ width, height }) => [width, height])).toEqual([
      [1536, 1024],
      [800, 533],
      [400, 267],
      [256, 256],
    ]);
    const thumb = byName(rendered, 'thumb').bytes;
    expect(near(await pixelAt(thumb, 128, 4), [255, 255, 255, 255], 2)).toBe(true);
    expect(near(await pixelAt(thumb, 128, 251), [255, 255, 255, 255], 2)).toBe(true);
    expect(near(await pixelAt(thumb, 4, 128), [0x20, 0x40, 0xc0, 255], 8)).toBe(true);
  });

  it('never enlarges: a small picture keeps its size, also inside the square', async () => {
    const rendered = await render(await opaquePicture({ width: 100, height: 60 }, 'jpeg'), catalog);
    expect(rendered.map(({ width, height }) => [width, height])).toEqual([
      [100, 60],
      [100, 60],
      [100, 60],
      [256, 256],
    ]);
    const thumb = byName(rendered, 'thumb').bytes;
    expect(near(await pixelAt(thumb, 70, 128), [255, 255, 255, 255], 4)).toBe(true);
    expect(near(await pixelAt(thumb, 85, 128), [0x20, 0x40, 0xc0, 255], 10)).toBe(true);
  });

  it('makes the same bytes again, so that a repeated render changes nothing', async () => {
    const original = await noise({ width: 300, height: 300 }, 'png');
    const hashes = async () => (await render(original, catalog)).map(({ sha256 }) => sha256);
    expect(await hashes()).toEqual(await hashes());
  });
});

describe('any recipe', () => {
  it('knows every format and fit', async () => {
    const rendered = await render(await transparentPng({ width: 200, height: 100 }), ALL_FORMATS);
    await expectHonest(rendered);
    expect(rendered.map(({ name, width, height }) => [name, width, height])).toEqual([
      ['png', 200, 100],
      ['avif', 200, 100],
      ['pad', 90, 90],
      ['cut', 50, 50],
      ['cut-small', 200, 100],
      ['green', 200, 100],
    ]);
    for (const name of ['png', 'avif', 'pad']) {
      expect((await pixelAt(byName(rendered, name).bytes, 1, 1))[3]).toBe(0);
    }
    expect(near(await pixelAt(byName(rendered, 'green').bytes, 2, 2), [0, 255, 0], 3)).toBe(true);
  });

  it('stops between two renditions when the signal aborts, with its reason', async () => {
    const signal = AbortSignal.abort(new Error('the worker stops'));
    await expect(render(await greyPng({ width: 8, height: 8 }), catalog, signal)).rejects.toThrow(
      'the worker stops',
    );
  });
});

describe('unusual originals become 8-bit sRGB', () => {
  const size = { width: 300, height: 200 };
  const cases: readonly (readonly [string, () => Promise<Buffer>, readonly number[], number])[] = [
    ['16 bits a channel', () => png16(size), [200, 100, 50, 255], 4],
    ['grey', () => greyPng(size), [128, 128, 128, 255], 2],
    ['a palette with alpha', () => palettePng(size), [200, 100, 50, 128], 4],
    // The round trip through CMYK moves a saturated colour; black or inverted would be far away.
    ['CMYK', () => cmykJpeg(size), [199, 94, 21, 255], 40],
    ['an embedded Display P3 profile', () => p3Png(size), [200, 100, 50, 255], 4],
  ];
  it.each(cases)('%s', async (_, make, expected, by) => {
    const rendered = await render(await make(), catalog);
    await expectHonest(rendered);
    expect(near(await pixelAt(byName(rendered, 'full').bytes, 150, 100), expected, by)).toBe(true);
  });

  it('the EXIF orientation is applied, and the size named is the one that is seen', async () => {
    const original = await turnedJpeg({ width: 300, height: 200 });
    expect(await inspect(original, PICTURE_LIMITS)).toMatchObject({ width: 200, height: 300 });
    const full = byName(await render(original, catalog), 'full');
    expect([full.width, full.height]).toEqual([200, 300]);
    expect(near(await pixelAt(full.bytes, 100, 150), [ORANGE.r, ORANGE.g, ORANGE.b], 6)).toBe(true);
  });

  it('of an animation the first frame is taken', async () => {
    const original = await animatedWebp({ width: 40, height: 30 });
    expect(await inspect(original, PICTURE_LIMITS)).toMatchObject({ width: 40, height: 30, frames: 2 });
    const rendered = await render(original, catalog);
    const full = byName(rendered, 'full');
    expect([full.width, full.height]).toEqual([40, 30]);
    expect((await sharp(full.bytes).metadata()).pages ?? 1).toBe(1);
    expect(near(await pixelAt(full.bytes, 20, 15), [255, 0, 0, 255], 6)).toBe(true);
  });
});

describe('bad pictures fail with a reason', () => {
  it.each(['png', 'jpeg', 'webp'] as const)('a %s that ends early, whatever the recipe', async (format) => {
    const whole = await noise({ width: 300, height: 300 }, format);
    const cut = whole.subarray(0, Math.floor(whole.length * 0.6));
    for (const recipe of [catalog, bare]) {
      await expect(render(cut, recipe)).rejects.toMatchObject({
        code: 'unreadable_picture',
        message: expect.stringMatching(/^The picture cannot be decoded to its end: .+\.$/),
      });
    }
  });

  it.each([
    ['no bytes', Buffer.alloc(0), 'unreadable_picture', 'empty'],
    ['a web page', Buffer.from('<!doctype html><title>404</title>'), 'wrong_format', 'jpeg, png and webp'],
    [
      'an svg',
      Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
      'wrong_format',
      '',
    ],
    [
      'a webp header with nothing behind it',
      Buffer.from('RIFF\u0020\0\0\0WEBPVP8 ', 'latin1'),
      'unreadable_picture',
      'webp',
    ],
    ['a png signature alone', Buffer.from('89504e470d0a1a0a', 'hex'), 'wrong_format', ''],
  ])('%s', async (_, bytes, code, word) => {
    await expect(inspect(bytes, PICTURE_LIMITS)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(word),
    });
  });

  it('a small file of very many pixels is refused by its header, before it can fill the memory', async () => {
    const bomb = await hugeFlatPng({ width: 8_000, height: 6_000 });
    expect(bomb.length).toBeLessThan(300_000);
    await expect(inspect(bomb, PICTURE_LIMITS)).rejects.toMatchObject({
      code: 'too_many_pixels',
      message: expect.stringContaining('8000×6000'),
    });
    await expect(render(bomb, bare)).rejects.toMatchObject({ code: 'too_many_pixels' });
  });

  it('a side that WebP cannot hold is refused before it is rendered', async () => {
    const strip = await hugeFlatPng({ width: 20_000, height: 2 });
    await expect(inspect(strip, PICTURE_LIMITS)).rejects.toMatchObject({ code: 'too_many_pixels' });
  });

  it('too many bytes are refused unread', async () => {
    const bytes = await greyPng({ width: 8, height: 8 });
    await expect(inspect(bytes, { ...PICTURE_LIMITS, maxBytes: 20 })).rejects.toMatchObject({
      code: 'too_many_bytes',
    });
  });

  it('a wrong name does not matter: the format comes from the bytes', async () => {
    expect(await inspect(await opaquePicture({ width: 8, height: 8 }, 'jpeg'), PICTURE_LIMITS)).toMatchObject(
      {
        format: 'jpeg',
        contentType: 'image/jpeg',
        extension: 'jpg',
        hasAlpha: false,
        frames: 1,
      },
    );
  });
});

describe('docs/recipes.md', () => {
  const small = { width: 40, height: 30 };
  const made: Readonly<Record<string, () => Promise<Buffer>>> = {
    'no bytes': async () => Buffer.alloc(0),
    'a file that ends early': async () =>
      (await noise({ width: 300, height: 300 }, 'png')).subarray(0, 90_000),
    'a file of another kind': async () => Buffer.from('<!doctype html><title>404</title>'),
    'more than 40 megapixels': () => hugeFlatPng({ width: 8_000, height: 6_000 }),
    'more than 32 MiB': async () => Buffer.alloc(PICTURE_LIMITS.maxBytes + 1),
    'an animation': () => animatedWebp(small),
    CMYK: () => cmykJpeg(small),
    '16 bits a channel': () => png16(small),
    'another colour profile': () => p3Png(small),
    'turned by EXIF': () => turnedJpeg(small),
  };

  /** As the render child does: first the header, then all of it. */
  async function outcomeOf(original: Buffer): Promise<string> {
    try {
      await inspect(original, PICTURE_LIMITS);
      await expectHonest(await render(original, catalog));
      return 'rendered';
    } catch (error) {
      if (error instanceof PictureError) return error.code;
      throw error;
    }
  }

  it('says of each unusual picture what becomes of it', async () => {
    const rows = tableOf(await readPage('docs/recipes.md'), 'original');
    expect(rows.map(([original]) => original)).toEqual(Object.keys(made));
    for (const [original = '', outcome = ''] of rows) {
      const picture = await made[original]?.();
      expect(outcome).toMatch(new RegExp(`^${await outcomeOf(picture ?? Buffer.alloc(0))}\\b`));
    }
  });
});

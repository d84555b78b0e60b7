import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { parseRecipe } from '../../../../src/shared/pictures/recipes.ts';
import { renderAll } from '../../../../src/worker/render/render.ts';
import { noise, transparentPng } from '../../../support/pictures.ts';

const provenance = { model: 'a-model', madeAtMs: 0 };
const ANYTHING = { width: undefined, height: undefined, transparent: false };

function recipeOf(checks: object) {
  return parseRecipe(
    'x',
    JSON.stringify({ description: 'x', metadata: 'strip', renditions: [], checks }),
    'x',
  );
}

async function looked(picture: Buffer, checks: object = {}, expected = ANYTHING) {
  return await renderAll(picture, recipeOf(checks), { provenance, expected });
}

/** A grey box on a ground, at these shares of a 400 × 400 picture. */
async function boxOn(
  ground: string | { r: number; g: number; b: number; alpha: number },
  box: readonly number[],
) {
  const [left = 0, top = 0, width = 1, height = 1] = box.map((share) => Math.round(share * 400));
  const input = await sharp({ create: { width, height, channels: 4, background: '#707070' } })
    .png()
    .toBuffer();
  return await sharp({ create: { width: 400, height: 400, channels: 4, background: ground } })
    .composite([{ input, left, top }])
    .png()
    .toBuffer();
}

const NOTHING = { r: 0, g: 0, b: 0, alpha: 0 };

describe('what is looked at before a picture is published', () => {
  it.each([
    ['a product in the middle of white', '#ffffff', [0.2, 0.2, 0.6, 0.6], []],
    ['a product in the middle of nothing', NOTHING, [0.2, 0.2, 0.6, 0.6], []],
    ['a product that is cut at the right', '#ffffff', [0.5, 0.3, 0.5, 0.4], ['clipped', 'background']],
    ['a cut one on nothing', NOTHING, [0.3, 0, 0.4, 0.5], ['clipped', 'background']],
    ['a tiny product', '#ffffff', [0.45, 0.45, 0.1, 0.1], ['fill']],
    ['white that is a little grey', '#f4f4f4', [0.2, 0.2, 0.6, 0.6], ['background']],
    ['a scene', '#557799', [0.5, 0.3, 0.5, 0.4], []],
  ] as const)('%s', async (_, ground, box, found) => {
    const { findings } = await looked(await boxOn(ground, box));
    expect(findings.map(({ check }) => check).sort()).toEqual([...found].sort());
    for (const { level } of findings) expect(level).toBe('warn');
  });

  it.each([
    ['#ffffff', 'of one colour'],
    [NOTHING, 'nothing is seen'],
  ] as const)('a blank picture (%j)', async (background, says) => {
    const blank = await sharp({ create: { width: 100, height: 100, channels: 4, background } })
      .png()
      .toBuffer();
    const { findings } = await looked(blank);
    expect(findings).toContainEqual({ check: 'blank', level: 'warn', says: expect.stringContaining(says) });
  });

  it('noise is not blank', async () => {
    expect((await looked(await noise({ width: 64, height: 64 }, 'png'))).findings).toEqual([]);
  });

  it('a recipe makes a check fail, or leaves it out', async () => {
    const cut = await boxOn('#ffffff', [0.5, 0.3, 0.5, 0.4]);
    await expect(looked(cut, { clipped: 'fail' })).rejects.toMatchObject({
      code: 'failed_check',
      message: expect.stringContaining('cut at the right'),
    });
    expect((await looked(cut, { clipped: 'off', background: 'off' })).findings).toEqual([]);
  });

  it('a size that was not asked for fails, and so does a missing transparency', async () => {
    const opaque = await boxOn('#ffffff', [0.2, 0.2, 0.6, 0.6]);
    await expect(looked(opaque, {}, { ...ANYTHING, transparent: true })).rejects.toMatchObject({
      code: 'no_alpha',
    });
    const jpeg = await sharp(opaque).jpeg().toBuffer();
    await expect(looked(jpeg, {}, { ...ANYTHING, transparent: true })).rejects.toMatchObject({
      code: 'no_alpha',
    });
    await expect(
      renderAll(opaque, recipeOf({}), {
        provenance,
        expected: { width: 1024, height: 1024, transparent: false },
      }),
    ).rejects.toMatchObject({
      code: 'wrong_size',
      message: expect.stringContaining('400×400 and not 1024×1024'),
    });
    const smoke = await sharp({
      create: { width: 64, height: 48, channels: 4, background: { r: 200, g: 200, b: 210, alpha: 0.6 } },
    })
      .png()
      .toBuffer();
    await looked(smoke, {}, { ...ANYTHING, transparent: true });
    const asAsked = { width: 64, height: 48, transparent: true };
    const { findings } = await renderAll(await transparentPng({ width: 64, height: 48 }), recipeOf({}), {
      provenance,
      expected: asAsked,
    });
    expect(findings.filter(({ level }) => level === 'fail')).toEqual([]);
  });
});

describe('what a page shows until a picture has come', () => {
  it('is a ThumbHash, the colour of what is seen, and a hash that a small change leaves nearly the same', async () => {
    const red = await boxOn(NOTHING, [0.2, 0.2, 0.6, 0.6]);
    const { look } = await looked(red);
    expect(Buffer.from(look.thumbHash, 'base64').length).toBeGreaterThan(4);
    const channel = Number.parseInt(look.dominantColor?.slice(1, 3) ?? '', 16);
    expect(Math.abs(channel - 0x70)).toBeLessThanOrEqual(16);

    const again = await sharp(red).flatten({ background: '#ffffff' }).jpeg({ quality: 60 }).toBuffer();
    const other = await boxOn('#ffffff', [0.1, 0.5, 0.3, 0.4]);
    const distance = async (picture: Buffer) => bitsApart(look.pHash, (await looked(picture)).look.pHash);
    expect(await distance(again)).toBeLessThan(await distance(other));
  });

  it('has no colour where nothing is seen', async () => {
    const { look } = await looked(await boxOn(NOTHING, [0, 0, 0.0025, 0.0025]));
    expect(look.dominantColor).toBeUndefined();
  });
});

function bitsApart(a: string, b: string): number {
  return (BigInt(`0x${a}`) ^ BigInt(`0x${b}`)).toString(2).replaceAll('0', '').length;
}

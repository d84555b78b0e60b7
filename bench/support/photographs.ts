import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { endpointsOf } from '../../src/local/fal/endpoints.ts';
import { drawPicture } from '../../src/local/fal/pictures.ts';

export interface Photographs {
  /** PNG, 1024×1024. */
  readonly pictures: readonly Buffer[];
  /** For the figure: what it was measured on. */
  readonly from: string;
}

const DEBIAN = '/usr/share/backgrounds/mate';
const SIDE = 1_024;

/**
 * Cuts so many squares out of the photographs of a folder (default: Debian's `mate-backgrounds`), each another part of
 * one of them. Where there is none, out of the simulator's drawings with noise on them, which is no fair stand-in.
 */
export async function photographs(count: number, folder = DEBIAN): Promise<Photographs> {
  const files = await jpegsIn(folder);
  if (files.length === 0) {
    return {
      pictures: await Promise.all(Array.from({ length: count }, (_, index) => drawing(index))),
      from: `drawings of the simulator with noise, since there are no photographs in ${DEBIAN} (Debian: mate-backgrounds)`,
    };
  }
  const pictures: Buffer[] = [];
  for (let index = 0; index < count; index += 1) {
    pictures.push(await cut(files[index % files.length] ?? '', Math.floor(index / files.length)));
  }
  return { pictures, from: `squares out of the ${files.length} photographs of Debian's mate-backgrounds` };
}

async function jpegsIn(folder: string): Promise<string[]> {
  try {
    const names = await readdir(folder, { recursive: true });
    // Those under `nature` are photographs; the drawings beside them are PNG or have flat areas that mislead.
    return names
      .filter((name) => /^nature\/.*\.jpg$/.test(name))
      .map((name) => join(folder, name))
      .sort();
  } catch {
    return []; // not installed
  }
}

/** Scaled so that the square is a fair part of the whole, moved on with each turn. */
async function cut(file: string, turn: number): Promise<Buffer> {
  const { data, info } = await sharp(file)
    .resize({ width: 1_600, height: 1_200, fit: 'cover' })
    .toBuffer({ resolveWithObject: true });
  const left = Math.min(info.width - SIDE, (turn * 192) % (info.width - SIDE + 1));
  const top = Math.min(info.height - SIDE, (turn * 59) % (info.height - SIDE + 1));
  return await sharp(data).extract({ left, top, width: SIDE, height: SIDE }).png().toBuffer();
}

async function drawing(index: number): Promise<Buffer> {
  const input = { prompt: `A red mug, number ${index}`, image_size: '1024x1024', output_format: 'png' };
  const endpoint = endpointsOf(undefined).get('fal-ai/gpt-image-1-mini');
  const drawn = await drawPicture({ endpoint, input, index, style: 'drawn' });
  const noise = await sharp({
    create: {
      width: SIDE,
      height: SIDE,
      channels: 3,
      background: '#808080',
      noise: { type: 'gaussian', mean: 128, sigma: 12 },
    },
  })
    .png()
    .toBuffer();
  return await sharp(drawn)
    .resize(SIDE, SIDE)
    .composite([{ input: noise, blend: 'soft-light' }])
    .removeAlpha()
    .png()
    .toBuffer();
}

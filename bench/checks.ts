/**
 * What the checks of a picture measure on photographs and on defects drawn on them: where the thresholds of
 * src/worker/render/checks.ts come from. `--photos FOLDER` takes the photographs from another place than Debian's.
 */
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { parseRecipe } from '../src/shared/recipes.ts';
import { findingsOf } from '../src/worker/render/checks.ts';
import { MEASURED_SIDE, measure } from '../src/worker/render/measures.ts';
import { decode, smallOf } from '../src/worker/render/pixels.ts';
import { photographs } from './support/photographs.ts';

const PICTURES = 40;
const SIDE = 1_024;
const { checks } = parseRecipe('x', '{"description":"x","metadata":"strip","renditions":[]}', 'x');

type Draw = (photo: Buffer) => Promise<Buffer>;

/** A part of the photograph as the product, on a ground. */
function product(ground: string, left: number, top: number, side: number): Draw {
  return async (photo) => {
    const size = Math.round(side * SIDE);
    const box = { width: size, height: size };
    const disc = Buffer.from(
      `<svg width="${size}" height="${size}"><ellipse cx="50%" cy="50%" rx="50%" ry="42%" fill="#fff"/></svg>`,
    );
    const input = await sharp(photo)
      .resize(box)
      .ensureAlpha()
      .composite([{ input: disc, blend: 'dest-in' }])
      .png()
      .toBuffer();
    const canvas = { width: SIDE * 2, height: SIDE * 2, channels: 4 as const, background: ground };
    const placed = await sharp({ create: canvas })
      .composite([{ input, left: Math.round((left + 0.5) * SIDE), top: Math.round((top + 0.5) * SIDE) }])
      .png()
      .toBuffer();
    return await sharp(placed)
      .extract({ left: SIDE / 2, top: SIDE / 2, width: SIDE, height: SIDE })
      .png()
      .toBuffer();
  };
}

const CASES: readonly (readonly [string, Draw])[] = [
  ['a photograph', async (photo) => photo],
  ['a photograph, much blurred', (photo) => sharp(photo).blur(60).png().toBuffer()],
  ['a photograph, nearly faded out', (photo) => sharp(photo).linear(0.02, 240).png().toBuffer()],
  ['product on white', product('#ffffff', 0.2, 0.2, 0.6)],
  ['product on nothing', product('#ffffff00', 0.2, 0.2, 0.6)],
  ['product on off-white', product('#f5f4f2', 0.2, 0.2, 0.6)],
  ['product cut at the right', product('#ffffff', 0.6, 0.2, 0.6)],
  ['product far away', product('#ffffff', 0.42, 0.42, 0.16)],
];

const { values } = parseArgs({ options: { photos: { type: 'string' } } });
const { pictures, from } = await photographs(PICTURES, values.photos);
process.stdout.write(`${PICTURES} pictures: ${from}\n`);
for (const [name, draw] of CASES) {
  const all = await Promise.all(
    pictures.map(async (photo) => measure(await smallOf(await decode(await draw(photo)), MEASURED_SIDE))),
  );
  const sorted = (of: (one: (typeof all)[number]) => number) => all.map(of).sort((a, b) => a - b);
  const range = (list: readonly number[]) =>
    `${(list[0] ?? 0).toFixed(2)} to ${(list.at(-1) ?? 0).toFixed(2)}`;
  const found = new Map<string, number>();
  for (const one of all) {
    for (const { check } of findingsOf(one, checks)) found.set(check, (found.get(check) ?? 0) + 1);
  }
  const says = [...found].map(([check, count]) => `${check} ${count}`).join(', ');
  process.stdout.write(
    `${name}: spread ${range(sorted(({ spread }) => spread))}, purity ${range(sorted(({ purity }) => purity))}, fill ${range(sorted(({ fill }) => fill))}; found: ${says === '' ? 'nothing' : says}\n`,
  );
}

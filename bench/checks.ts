/**
 * What the checks of a picture measure on photographs and on defects drawn on them: where the thresholds of
 * src/worker/render/checks.ts and near-duplicates.ts come from. `--photos FOLDER` takes the photographs from another place than Debian's.
 */
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { parseRecipe } from '../src/shared/pictures/recipes.ts';
import { findingsOf } from '../src/worker/render/checks.ts';
import { lookOf, quartersOf } from '../src/worker/render/fingerprint.ts';
import { MEASURED_SIDE, measure } from '../src/worker/render/measures.ts';
import { NEARLY } from '../src/worker/render/near-duplicates.ts';
import { decode, smallOf } from '../src/worker/render/pixels.ts';
import { photographs } from './support/photographs.ts';

const PICTURES = 40;
/** The squares are cut out of so many, in turn. */
const PHOTOGRAPHS = 12;
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

const CHANGES: readonly (readonly [string, Draw])[] = [
  ['saved as a jpeg of quality 40', (photo) => sharp(photo).jpeg({ quality: 40 }).toBuffer()],
  [
    'half as large',
    (photo) =>
      sharp(photo)
        .resize(SIDE / 2)
        .png()
        .toBuffer(),
  ],
  ['with noise', withNoise],
  ['1 % cut off each side', (photo) => cut(photo, 0.01)],
  ['2 % cut off each side', (photo) => cut(photo, 0.02)],
  ['5 % cut off each side', (photo) => cut(photo, 0.05)],
  ['10 % brighter', (photo) => sharp(photo).modulate({ brightness: 1.1 }).png().toBuffer()],
  ['other colours', (photo) => sharp(photo).modulate({ hue: 120 }).png().toBuffer()],
  ['mirrored', (photo) => sharp(photo).flop().png().toBuffer()],
];

async function withNoise(photo: Buffer): Promise<Buffer> {
  const noise = { type: 'gaussian' as const, mean: 128, sigma: 12 };
  const grain = sharp({ create: { width: SIDE, height: SIDE, channels: 3, background: '#808080', noise } });
  const input = await grain.png().toBuffer();
  return await sharp(photo)
    .composite([{ input, blend: 'soft-light' }])
    .png()
    .toBuffer();
}

async function cut(photo: Buffer, share: number): Promise<Buffer> {
  const left = Math.round(SIDE * share);
  const side = SIDE - 2 * left;
  return await sharp(photo)
    .extract({ left, top: left, width: side, height: side })
    .resize(SIDE)
    .png()
    .toBuffer();
}

interface Seen {
  readonly hash: bigint;
  readonly quarters: readonly number[];
}

async function seen(picture: Buffer): Promise<Seen> {
  const look = await lookOf(await smallOf(await decode(picture), MEASURED_SIDE));
  return { hash: BigInt(`0x${look.pHash}`), quarters: quartersOf(look) };
}

function apart(a: Seen, b: Seen): { readonly bits: number; readonly colour: number } {
  const bits = (a.hash ^ b.hash).toString(2).replaceAll('0', '').length;
  const squares = a.quarters.map((one, at) => (one - (b.quarters[at] ?? 0)) ** 2);
  return { bits, colour: Math.sqrt(squares.reduce((sum, one) => sum + one, 0) / squares.length) };
}

function say(name: string, all: readonly ReturnType<typeof apart>[]): void {
  const middle = (list: readonly number[]) => [...list].sort((a, b) => a - b)[list.length >> 1] ?? 0;
  const bits = all.map((one) => one.bits);
  const colours = all.map((one) => one.colour);
  const found = all.filter((one) => one.bits <= NEARLY.bits && one.colour <= NEARLY.colour).length;
  const nearBits = all.filter((one) => one.bits <= NEARLY.bits).length;
  process.stdout.write(
    `${name}: bits ${Math.min(...bits)} to ${Math.max(...bits)} (${middle(bits)}), colours ${Math.min(...colours).toFixed(1)} to ${Math.max(...colours).toFixed(1)} (${middle(colours).toFixed(1)}); by the bits ${nearBits}, found ${found} of ${all.length}\n`,
  );
}

for (const [name, draw] of CASES.filter(([one]) => one === 'a photograph' || one === 'product on white')) {
  const drawn = await Promise.all(pictures.map(draw));
  const own = await Promise.all(drawn.map(seen));
  for (const [change, alter] of CHANGES) {
    const changed = await Promise.all(drawn.map(async (one) => await seen(await alter(one))));
    say(
      `${name}, ${change}`,
      changed.flatMap((one, at) => {
        const before = own[at];
        return before === undefined ? [] : [apart(before, one)];
      }),
    );
  }
  // Squares out of one photograph overlap; these are of two.
  const others = own.flatMap((one, at) =>
    own.slice(at + 1).flatMap((two, by) => ((by + 1) % PHOTOGRAPHS === 0 ? [] : [apart(one, two)])),
  );
  say(`${name}, another one`, others);
}

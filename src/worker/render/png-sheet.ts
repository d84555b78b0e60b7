import sharp, { type OverlayOptions } from 'sharp';
import { readingOwn } from './loaders.ts';
import { type Provenance, xmpOf } from './provenance.ts';

export interface SheetTile {
  /** The words under the picture. */
  readonly caption: string;
  /** In its place where there is none. */
  readonly note: string;
  readonly picture: Buffer | undefined;
}

export interface PngSheet {
  readonly title: string;
  readonly lines: readonly string[];
  readonly tiles: readonly SheetTile[];
  /** Of the newest picture: what is made of generated pictures says so, too. */
  readonly provenance: Provenance;
}

const COLUMNS = 6;
const SIDE = 208;
const GAP = 10;
const CAPTION = 26;
const TOP = 92;
const FONT = 'font-family="DejaVu Sans, Arial, sans-serif"';

/** One PNG with small pictures in rows, for a mail: 1,318 pixels wide. */
export async function pngSheet(sheet: PngSheet): Promise<Buffer> {
  // The words are SVG of our own, and the pictures are thumbnails that this process made.
  return await readingOwn('VipsForeignLoadSvg', () => drawn(sheet));
}

async function drawn({ title, lines, tiles, provenance }: PngSheet): Promise<Buffer> {
  const columns = Math.min(COLUMNS, Math.max(1, tiles.length));
  const width = COLUMNS * (SIDE + GAP) + GAP;
  const height = TOP + Math.ceil(tiles.length / columns) * (SIDE + CAPTION + GAP) + GAP;
  const cells = await Promise.all(
    tiles.map(
      async (tile, at): Promise<OverlayOptions> => ({
        input: await cellOf(tile),
        left: GAP + (at % columns) * (SIDE + GAP),
        top: TOP + Math.floor(at / columns) * (SIDE + CAPTION + GAP),
      }),
    ),
  );
  return await sharp({ create: { width, height, channels: 3, background: '#f4f4f1' } })
    .composite([{ input: headOf(title, lines, width), left: 0, top: 0 }, ...cells])
    .withXmp(xmpOf(provenance))
    .png({ compressionLevel: 9, palette: true })
    .toBuffer();
}

async function cellOf({ caption, note, picture }: SheetTile): Promise<Buffer> {
  const inside =
    picture === undefined
      ? Buffer.from(svg(SIDE, SIDE, text(SIDE / 2, SIDE / 2, 14, '#5d6470', shortened(note, 26), 'middle')))
      : await sharp(picture).resize(SIDE, SIDE, { fit: 'contain', background: '#ecebe6' }).png().toBuffer();
  return await sharp({ create: { width: SIDE, height: SIDE + CAPTION, channels: 3, background: '#ffffff' } })
    .composite([
      { input: inside, left: 0, top: 0 },
      {
        input: Buffer.from(svg(SIDE, CAPTION, text(8, 18, 13, '#1c1d1f', shortened(caption, 27)))),
        left: 0,
        top: SIDE,
      },
    ])
    .png()
    .toBuffer();
}

function headOf(title: string, lines: readonly string[], width: number): Buffer {
  const words = lines.map((line, at) => text(GAP, 60 + at * 20, 14, '#64666b', line));
  return Buffer.from(svg(width, TOP, [text(GAP, 36, 24, '#1c1d1f', title), ...words].join('')));
}

function svg(width: number, height: number, inside: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${inside}</svg>`;
}

function text(x: number, y: number, size: number, fill: string, words: string, anchor = 'start'): string {
  return `<text x="${x}" y="${y}" ${FONT} font-size="${size}" fill="${fill}" text-anchor="${anchor}">${escaped(words)}</text>`;
}

function shortened(words: string, length: number): string {
  const letters = [...words];
  return letters.length <= length ? words : `${letters.slice(0, length - 1).join('')}…`;
}

/** Characters that XML has no place for would make the whole drawing unreadable. */
function escaped(words: string): string {
  return words
    .replace(/[^\P{C}\t]/gu, ' ')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;');
}

import type { Pixels } from './pixels.ts';

/** What the checks judge by, measured on a copy of at most `MEASURED_SIDE` pixels a side. */
export interface Measures {
  /** Largest standard deviation of a channel over what is not transparent, 0 to 128. Of one colour: 0. */
  readonly spread: number;
  /** The share of pixels that are not transparent. */
  readonly opaque: number;
  /** Whether anything shows through, be it half. */
  readonly seeThrough: boolean;
  /** What most of the edge is; `scene` where it is neither white nor transparent. */
  readonly background: 'white' | 'transparent' | 'scene';
  /** Of a white or transparent background: the share of the edge that is purely so. */
  readonly purity: number;
  /** Of a white or transparent background: the subject's longer share of the picture's width or height. */
  readonly fill: number;
  /** Sides that the subject reaches, of a white or transparent background. */
  readonly clipped: readonly Side[];
}

export type Side = 'top' | 'right' | 'bottom' | 'left';

export const MEASURED_SIDE = 256;
/** The edge, as a part of the shorter side. */
const EDGE = 0.02;
/** Every channel of it is at least this: white to the eye, shadows at its limit included. */
const NEARLY_WHITE = 232;
const PURELY_WHITE = 250;
const NEARLY_CLEAR = 24;
const NEARLY_SOLID = 250;
/** The larger part of the edge decides what the background is. */
const MOST = 0.6;
/** A row or column belongs to the subject from this share of its pixels on; less is noise. */
const SUBJECT_LINE = 0.01;
/** The outermost line of a side shows the subject along this share of it. */
const CLIPPED_LINE = 0.03;

/** `small`: with alpha. */
export function measure(small: Pixels): Measures {
  const edge = edgePixels(small);
  const background = backgroundOf(edge);
  const { spread, opaque, seeThrough } = spreadOf(small);
  if (background === 'scene')
    return { spread, opaque, seeThrough, background, purity: 1, fill: 1, clipped: [] };
  const pure = edge.filter((pixel) =>
    background === 'white' ? darkest(pixel) >= PURELY_WHITE && pixel.alpha === 255 : pixel.alpha <= 2,
  );
  return {
    spread,
    opaque,
    seeThrough,
    background,
    purity: pure.length / edge.length,
    ...subjectOf(small, background),
  };
}

interface Pixel {
  readonly red: number;
  readonly green: number;
  readonly blue: number;
  readonly alpha: number;
}

function pixelAt({ data, width }: Pixels, x: number, y: number): Pixel {
  const at = (y * width + x) * 4;
  return { red: data[at] ?? 0, green: data[at + 1] ?? 0, blue: data[at + 2] ?? 0, alpha: data[at + 3] ?? 0 };
}

function darkest({ red, green, blue }: Pixel): number {
  return Math.min(red, green, blue);
}

function edgePixels(small: Pixels): Pixel[] {
  const { width, height } = small;
  const ring = Math.max(1, Math.round(Math.min(width, height) * EDGE));
  const found: Pixel[] = [];
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const inside = x >= ring && x < width - ring && y >= ring && y < height - ring;
      if (!inside) found.push(pixelAt(small, x, y));
    }
  }
  return found;
}

function backgroundOf(edge: readonly Pixel[]): Measures['background'] {
  const shareOf = (is: (pixel: Pixel) => boolean) => edge.filter(is).length / edge.length;
  if (shareOf(({ alpha }) => alpha <= NEARLY_CLEAR) >= MOST) return 'transparent';
  return shareOf((pixel) => isWhite(pixel)) >= MOST ? 'white' : 'scene';
}

function isWhite(pixel: Pixel): boolean {
  return pixel.alpha >= 255 - NEARLY_CLEAR && darkest(pixel) >= NEARLY_WHITE;
}

function spreadOf({ data, width, height }: Pixels): Pick<Measures, 'spread' | 'opaque' | 'seeThrough'> {
  const sums = [0, 0, 0];
  const squares = [0, 0, 0];
  let seen = 0;
  let seeThrough = false;
  for (let at = 0; at < width * height * 4; at += 4) {
    const alpha = data[at + 3] ?? 0;
    if (alpha < NEARLY_SOLID) seeThrough = true;
    if (alpha <= NEARLY_CLEAR) continue;
    seen += 1;
    for (let channel = 0; channel < 3; channel += 1) {
      const value = data[at + channel] ?? 0;
      sums[channel] = (sums[channel] ?? 0) + value;
      squares[channel] = (squares[channel] ?? 0) + value * value;
    }
  }
  const deviations = sums.map((sum, channel) =>
    seen === 0 ? 0 : Math.sqrt(Math.max(0, (squares[channel] ?? 0) / seen - (sum / seen) ** 2)),
  );
  return { spread: Math.max(...deviations), opaque: seen / (width * height), seeThrough };
}

function subjectOf(small: Pixels, background: 'white' | 'transparent'): Pick<Measures, 'fill' | 'clipped'> {
  const { data, width, height } = small;
  const rows = new Array<number>(height).fill(0);
  const columns = new Array<number>(width).fill(0);
  // Pixel by pixel without an object each: this runs for every picture.
  for (let at = 0; at < width * height; at += 1) {
    const alpha = data[at * 4 + 3] ?? 0;
    const darkestOf = Math.min(data[at * 4] ?? 0, data[at * 4 + 1] ?? 0, data[at * 4 + 2] ?? 0);
    const isGround =
      background === 'white'
        ? alpha >= 255 - NEARLY_CLEAR && darkestOf >= NEARLY_WHITE
        : alpha <= NEARLY_CLEAR;
    if (isGround) continue;
    const y = Math.floor(at / width);
    rows[y] = (rows[y] ?? 0) + 1;
    columns[at - y * width] = (columns[at - y * width] ?? 0) + 1;
  }
  const reaches = (line: number | undefined, length: number) => (line ?? 0) > length * CLIPPED_LINE;
  const clipped: Side[] = [
    ...(reaches(rows[0], width) ? (['top'] as const) : []),
    ...(reaches(columns.at(-1), height) ? (['right'] as const) : []),
    ...(reaches(rows.at(-1), width) ? (['bottom'] as const) : []),
    ...(reaches(columns[0], height) ? (['left'] as const) : []),
  ];
  return { fill: Math.max(extent(columns, height) / width, extent(rows, width) / height), clipped };
}

/** From the first to the last line that shows the subject. */
function extent(lines: readonly number[], length: number): number {
  const shows = (count: number) => count > length * SUBJECT_LINE;
  const first = lines.findIndex(shows);
  return first === -1 ? 0 : lines.findLastIndex(shows) - first + 1;
}

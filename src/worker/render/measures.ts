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
const PURELY_CLEAR = 2;
const NEARLY_SOLID = 250;
/** The larger part of the edge decides what the background is. */
const MOST = 0.6;
/** A row or column belongs to the subject from this share of its pixels on; less is noise. */
const SUBJECT_LINE = 0.01;
/** The outermost line of a side shows the subject along this share of it. */
const CLIPPED_LINE = 0.03;

/** `small`: with alpha. */
export function measure(small: Pixels): Measures {
  const edge = edgeOf(small);
  const shareOf = (is: typeof isWhite) => edge.filter((at) => is(small.data, at)).length / edge.length;
  const background = shareOf(isClear) >= MOST ? 'transparent' : shareOf(isWhite) >= MOST ? 'white' : 'scene';
  const measures = { ...spreadOf(small), background } as const;
  if (background === 'scene') return { ...measures, purity: 1, fill: 1, clipped: [] };
  const [isPure, isGround] = background === 'white' ? [isPureWhite, isWhite] : [isPureClear, isClear];
  return { ...measures, purity: shareOf(isPure), ...subjectOf(small, isGround) };
}

// Of the pixel whose four bytes begin at `at`: no object each, since these run for every pixel of every picture.

function darkest(data: Buffer, at: number): number {
  return Math.min(data[at] ?? 0, data[at + 1] ?? 0, data[at + 2] ?? 0);
}

function isWhite(data: Buffer, at: number): boolean {
  return (data[at + 3] ?? 0) >= 255 - NEARLY_CLEAR && darkest(data, at) >= NEARLY_WHITE;
}

function isPureWhite(data: Buffer, at: number): boolean {
  return data[at + 3] === 255 && darkest(data, at) >= PURELY_WHITE;
}

function isClear(data: Buffer, at: number): boolean {
  return (data[at + 3] ?? 0) <= NEARLY_CLEAR;
}

function isPureClear(data: Buffer, at: number): boolean {
  return (data[at + 3] ?? 0) <= PURELY_CLEAR;
}

/** Where the pixels of the edge begin. */
function edgeOf({ width, height }: Pixels): number[] {
  const ring = Math.max(1, Math.round(Math.min(width, height) * EDGE));
  const found: number[] = [];
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const inside = x >= ring && x < width - ring && y >= ring && y < height - ring;
      if (!inside) found.push((y * width + x) * 4);
    }
  }
  return found;
}

function spreadOf({ data, width, height }: Pixels): Pick<Measures, 'spread' | 'opaque' | 'seeThrough'> {
  const sums = [0, 0, 0];
  const squares = [0, 0, 0];
  let seen = 0;
  let seeThrough = false;
  for (let at = 0; at < width * height * 4; at += 4) {
    if ((data[at + 3] ?? 0) < NEARLY_SOLID) seeThrough = true;
    if (isClear(data, at)) continue;
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

function subjectOf(
  { data, width, height }: Pixels,
  isGround: typeof isWhite,
): Pick<Measures, 'fill' | 'clipped'> {
  const rows = new Array<number>(height).fill(0);
  const columns = new Array<number>(width).fill(0);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if (isGround(data, (y * width + x) * 4)) continue;
      rows[y] = (rows[y] ?? 0) + 1;
      columns[x] = (columns[x] ?? 0) + 1;
    }
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

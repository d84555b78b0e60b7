import type { Endpoint } from './endpoints.ts';
import { countIssues, countOf, type Input, issue, optionIssues, promptIssues, text } from './input-checks.ts';
import type { Issue } from './outcome.ts';

/**
 * Text to image of gpt-image-2.5, flare and sunburst alike. The price of a picture is the formula that reproduces fal's own
 * table, not the program's copy of that table: a second opinion.
 */
export const gptImage25: Endpoint = {
  issues: (input) => [
    ...promptIssues(input),
    ...Object.entries(OPTIONS).flatMap(([name, allowed]) => optionIssues(input, name, allowed)),
    ...sizeIssues(input),
    ...countIssues(input, 10),
    ...(input['background'] === 'transparent' && input['output_format'] === 'jpeg'
      ? [issue('background', 'Transparent needs png or webp', 'value_error', 'transparent')]
      : []),
  ],
  defaults: {
    image_size: 'landscape_4_3',
    quality: 'high',
    background: 'auto',
    output_format: 'png',
    num_images: 1,
    sync_mode: false,
  },
  // fal lists a unit of one dollar and bills parts of it.
  unit: { name: 'units', priceMicroUsd: 1_000_000, stepMicroUsd: 100 },
  // $30 a million tokens of picture, $5 a million of text, and the text is charged with each picture.
  costMicroUsd: (input) => (imageTokens(input) * 30 + textTokens(input) * 5) * countOf(input),
  output: (input) => {
    const { width, height } = sizeOf(input);
    const format = text(input['output_format'], 'png');
    return {
      count: countOf(input),
      width,
      height,
      format: format === 'jpeg' || format === 'webp' ? format : 'png',
      transparent: input['background'] === 'transparent',
      said: 'address',
    };
  },
};

const OPTIONS = {
  background: ['auto', 'transparent', 'opaque'],
  quality: ['auto', 'low', 'medium', 'high', 'xhigh', 'max'],
  output_format: ['jpeg', 'png', 'webp'],
} as const;

/** `auto` bills as high, which is fal's default. */
const FACTORS: Readonly<Record<string, number>> = {
  low: 16,
  medium: 24,
  high: 48,
  auto: 48,
  xhigh: 64,
  max: 96,
};

function imageTokens(input: Input): number {
  const { width, height } = sizeOf(input);
  const factor = FACTORS[text(input['quality'], 'high')] ?? 0;
  const long = Math.max(width, height);
  const short = Math.floor((2 * factor * Math.min(width, height) + long) / (2 * long));
  return Math.ceil((factor * short * (2_000_000 + width * height)) / 4_000_000);
}

/** A tokenizer's usual ratio; the real one is not published. */
function textTokens(input: Input): number {
  return Math.ceil(Buffer.byteLength(text(input['prompt'])) / 4);
}

/** Presets are words, everything else width and height. */
function sizeOf(input: Input): { width: number; height: number } {
  const size = input['image_size'];
  if (typeof size === 'object' && size !== null) {
    const { width, height } = size as { width?: unknown; height?: unknown };
    return { width: Number(width), height: Number(height) };
  }
  return PRESETS[text(size, 'landscape_4_3')] ?? { width: 1024, height: 768 };
}

const PRESETS: Readonly<Record<string, { width: number; height: number }>> = {
  square_hd: { width: 1024, height: 1024 },
  landscape_4_3: { width: 1024, height: 768 },
  portrait_4_3: { width: 768, height: 1024 },
};

function sizeIssues(input: Input): Issue[] {
  const size = input['image_size'];
  if (size === undefined || (typeof size === 'string' && size in PRESETS)) return [];
  const fault = (msg: string) => [issue('image_size', msg, 'value_error', size)];
  if (typeof size !== 'object' || size === null) return fault('Input should be a preset or width and height');
  const { width, height } = sizeOf(input);
  if (!Number.isInteger(width / 16) || !Number.isInteger(height / 16))
    return fault('Width and height must be multiples of 16');
  const pixels = width * height;
  if (pixels < 655_360 || pixels > 8_294_400) return fault('The picture has too few or too many pixels');
  const [short, long] = [Math.min(width, height), Math.max(width, height)];
  return long > 3_840 || long / short > 3 ? fault('The picture is too long') : [];
}

import type { Model } from './model.ts';
import { BACKGROUND, NO_TRANSPARENT_JPEG, OUTPUT_FORMAT } from './openai-inputs.ts';

/**
 * What the endpoints of OpenAI's gpt-image-2.5 at fal have in common, text to image. As of 2026-11-30; read, not tried
 * against fal: fal's model card (inputs, $5 a million tokens of text, $30 a million of picture, a request's total rounded
 * up to $0.0001) and its price list (a unit is $1). Latencies are guesses from a few reports.
 */

const QUALITIES = ['low', 'medium', 'high', 'xhigh', 'max'] as const;

/** Micro-dollars a picture, one column a quality. Bills seen: low 1024x1024 $0.0062, about 60 tokens of text included. */
const PRICES: Readonly<Record<string, readonly [number, number, number, number, number]>> = {
  '1024x1024': [5_880, 13_170, 52_680, 93_660, 210_720],
  '1024x768': [4_020, 9_030, 36_120, 64_200, 144_450],
  '768x1024': [4_020, 9_030, 36_120, 64_200, 144_450],
  '1280x1024': [5_190, 11_340, 45_300, 81_060, 183_570],
  '1024x1280': [5_190, 11_340, 45_300, 81_060, 183_570],
  '1536x1024': [4_740, 10_290, 41_160, 73_770, 164_640],
  '1024x1536': [4_740, 10_290, 41_160, 73_770, 164_640],
  '1200x1600': [5_670, 12_720, 50_820, 90_330, 203_220],
  '1600x1600': [8_760, 19_710, 78_810, 140_100, 315_210],
  '2000x2000': [11_520, 25_920, 103_680, 184_320, 414_720],
  '2048x2048': [11_910, 26_760, 107_040, 190_290, 428_160],
  '2048x1536': [7_410, 16_680, 66_690, 118_560, 266_760],
  '1536x2048': [7_410, 16_680, 66_690, 118_560, 266_760],
  '2560x1440': [6_150, 14_340, 55_290, 98_280, 221_100],
  '3840x2160': [11_130, 25_950, 100_080, 177_900, 400_260],
};

export const gptImage25 = {
  prompt: { input: 'prompt', maxCharacters: 32_000 },
  seen: { size: 'image_size', transparent: { background: 'transparent' } },
  images: { input: 'num_images', maxPerRequest: 10 },
  inputs: [
    {
      name: 'quality',
      type: 'enum',
      options: [...QUALITIES, 'auto'],
      default: 'medium',
      falDefault: 'high',
      required: false,
      changesPicture: true,
      sentAtDefault: true,
      flag: 'quality',
      description: 'how much work goes into the picture; decides most of its price',
      tier: true,
    },
    {
      name: 'image_size',
      type: 'enum',
      options: Object.keys(PRICES),
      default: '1024x1024',
      falDefault: 'landscape_4_3',
      required: false,
      changesPicture: true,
      sentAtDefault: true,
      flag: 'size',
      description: 'width and height in pixels',
      wire: 'width-and-height',
    },
    BACKGROUND,
    OUTPUT_FORMAT,
  ],
  refusals: [NO_TRANSPARENT_JPEG],
  price: {
    kind: 'image-tokens',
    tiers: Object.entries(PRICES).flatMap(([image_size, prices]) =>
      prices.map((microUsdPerImage, at) => ({
        when: { quality: QUALITIES[at] ?? '', image_size },
        microUsdPerImage,
      })),
    ),
    undecided: 'auto',
    microUsdPerToken: 5,
    promptTokens: 'bounded',
    promptCharged: 'each-image',
    roundUpToMicroUsd: 100,
  },
  billing: { unit: 'units', microUsdPerUnit: 1_000_000 },
  latency: { p50Ms: 30_000, p95Ms: 120_000, maxMs: 600_000 },
  notes: [
    'There is no seed: the same request makes another picture.',
    'Moderation is not deterministic, yet a refusal counts as final.',
    'The answer may leave out width, height and type of a picture: the bytes decide.',
    'Price, inputs and latency were read, not yet confirmed by a paid request.',
  ],
} as const satisfies Omit<Model, 'endpoint' | 'alias' | 'description'>;

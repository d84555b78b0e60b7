import type { Model } from './model.ts';
import { BACKGROUND, NO_TRANSPARENT_JPEG, OUTPUT_FORMAT } from './openai-inputs.ts';

/** Facts and their sources: fal's model card, OpenAI's documentation, public reports by users. */
export const model: Model = {
  endpoint: 'fal-ai/gpt-image-1-mini',
  alias: 'gpt-image-1-mini',
  description: "OpenAI's small image model: text to image",
  prompt: { input: 'prompt', maxCharacters: 32_000 },
  seen: { size: 'image_size', transparent: { background: 'transparent' } },
  images: { input: 'num_images', maxPerRequest: 4 },
  inputs: [
    {
      name: 'quality',
      type: 'enum',
      options: ['low', 'medium', 'high', 'auto'],
      default: 'medium',
      falDefault: 'auto',
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
      options: ['1024x1024', '1536x1024', '1024x1536', 'auto'],
      default: '1024x1024',
      falDefault: 'auto',
      required: false,
      changesPicture: true,
      sentAtDefault: true,
      flag: 'size',
      description: 'width and height in pixels',
    },
    BACKGROUND,
    OUTPUT_FORMAT,
    {
      name: 'sync_mode',
      type: 'boolean',
      default: false,
      falDefault: false,
      required: false,
      changesPicture: false,
      sentAtDefault: false,
      flag: 'sync-mode',
      description: 'the picture comes inside the answer and is kept out of the history at fal',
      warning:
        'sync_mode: such a result lives for minutes at fal, and is missing from the history in which lost answers are ' +
        'found. After a crash or a lost answer its request waits for a person, and its picture may be lost though paid for.',
    },
  ],
  refusals: [NO_TRANSPARENT_JPEG],
  price: {
    kind: 'image-tokens',
    tiers: [
      { when: { quality: 'low', image_size: '1024x1024' }, microUsdPerImage: 5_000 },
      { when: { quality: 'low' }, microUsdPerImage: 6_000 },
      { when: { quality: 'medium', image_size: '1024x1024' }, microUsdPerImage: 11_000 },
      { when: { quality: 'medium' }, microUsdPerImage: 15_000 },
      { when: { quality: 'high', image_size: '1024x1024' }, microUsdPerImage: 36_000 },
      { when: { quality: 'high' }, microUsdPerImage: 52_000 },
    ],
    undecided: 'auto',
    microUsdPerToken: 2,
    promptTokens: 'four-a-word',
    promptCharged: 'once',
    roundUpToMicroUsd: 10_000,
  },
  latency: { p50Ms: 18_000, p95Ms: 46_000, maxMs: 120_000 },
  ends: {
    date: '2026-12-01',
    source: "OpenAI's list of shutdowns",
    successor: 'openai/gpt-image-2.5/flare/text-to-image',
  },
  notes: [
    'There is no seed: the same request makes another picture.',
    'Moderation is not deterministic, yet a refusal counts as final.',
    'The answer may hold another format than asked for: the bytes decide.',
  ],
};

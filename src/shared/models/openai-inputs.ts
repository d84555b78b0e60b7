import type { Model } from './model.ts';

/** What OpenAI's image models take alike, by their documentation and fal's model cards. */
export const BACKGROUND = {
  name: 'background',
  type: 'enum',
  options: ['auto', 'transparent', 'opaque'],
  default: 'auto',
  falDefault: 'auto',
  required: false,
  changesPicture: true,
  sentAtDefault: true,
  flag: 'background',
  description: 'transparent needs png or webp',
} as const satisfies Model['inputs'][number];

export const OUTPUT_FORMAT = {
  name: 'output_format',
  type: 'enum',
  options: ['png', 'jpeg', 'webp'],
  default: 'png',
  falDefault: 'png',
  required: false,
  changesPicture: true,
  sentAtDefault: true,
  flag: 'format',
  description: "the original's format; renditions have their own",
} as const satisfies Model['inputs'][number];

export const NO_TRANSPARENT_JPEG = {
  when: { background: 'transparent', output_format: 'jpeg' },
  sentence: 'a jpeg cannot be transparent; use png or webp, or another background',
} as const satisfies Model['refusals'][number];

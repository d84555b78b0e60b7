import { createHash } from 'node:crypto';
import type { MicroUsd } from '../../shared/base/money.ts';
import { gptImage25 } from './gpt-image-2.5.ts';
import { countIssues, countOf, type Input, issue, optionIssues, promptIssues, text } from './input-checks.ts';
import type { Issue } from './outcome.ts';

export type { Input };

/**
 * The endpoints that the simulator serves, with their prices. Written from FAL.md alone and on purpose without
 * `src/shared/models`: it is the second opinion on the program's own price rule.
 */
export interface Endpoint {
  /** Everything that the endpoint refuses about this input; empty where it is good. */
  readonly issues: (input: Input) => readonly Issue[];
  /** What counts where an input is left out. */
  readonly defaults: Input;
  /** One billable unit, as fal's price list states it, and what a request's total is rounded up to. */
  readonly unit: {
    readonly name: string;
    readonly priceMicroUsd: MicroUsd;
    readonly stepMicroUsd: MicroUsd;
  };
  /** What a run that succeeds costs, before it is rounded up. */
  readonly costMicroUsd: (input: Input) => number;
  readonly output: (input: Input) => OutputShape;
}

export interface OutputShape {
  readonly count: number;
  readonly width: number;
  readonly height: number;
  readonly format: 'jpeg' | 'png' | 'webp';
  readonly transparent: boolean;
  /** What the answer says of a picture beside its address: all of it, or only what fal's newer endpoints promise. */
  readonly said: 'all' | 'address';
}

/** A made-up endpoint with one price for every picture, for tests of other models. */
export interface FlatEndpoint {
  readonly microUsdPerImage: MicroUsd;
  /** Inputs that must be texts, such as the address of a product photograph. */
  readonly required?: readonly string[];
}

const SIZES = { square: '1024x1024', wide: '1536x1024', tall: '1024x1536' } as const;
const CENT: MicroUsd = 10_000;

/** Micro-dollars an image: [square, any other size]. `auto` bills as high. */
const IMAGE_PRICES: Readonly<Record<string, readonly [number, number]>> = {
  low: [5_000, 6_000],
  medium: [11_000, 15_000],
  high: [36_000, 52_000],
  auto: [36_000, 52_000],
};

const OPTIONS = {
  image_size: ['auto', SIZES.square, SIZES.wide, SIZES.tall],
  background: ['auto', 'transparent', 'opaque'],
  quality: ['auto', 'low', 'medium', 'high'],
  output_format: ['jpeg', 'png', 'webp'],
} as const;

const gptImage1Mini: Endpoint = {
  issues: (input) => [
    ...promptIssues(input),
    ...Object.entries(OPTIONS).flatMap(([name, allowed]) => optionIssues(input, name, allowed)),
    ...countIssues(input, 4),
    ...(input['sync_mode'] === undefined || typeof input['sync_mode'] === 'boolean'
      ? []
      : [issue('sync_mode', 'Input should be a valid boolean', 'bool_type', input['sync_mode'])]),
  ],
  defaults: {
    image_size: 'auto',
    background: 'auto',
    quality: 'auto',
    num_images: 1,
    output_format: 'png',
    sync_mode: false,
  },
  unit: { name: 'cents', priceMicroUsd: CENT, stepMicroUsd: CENT },
  // $0.002 per 1,000 tokens, 4 tokens a word: 8 micro-dollars a word; the total is rounded up to a cent.
  costMicroUsd: (input) => {
    const words = text(input['prompt']).split(/\s+/).filter(Boolean).length;
    const [square, other] = IMAGE_PRICES[text(input['quality'], 'auto')] ?? [0, 0];
    const perImage = resolvedSize(input) === SIZES.square ? square : other;
    return words * 8 + countOf(input) * perImage;
  },
  output: (input) => outputShape(input, resolvedSize(input), input['background'] === 'transparent'),
};

export function endpointsOf(
  flat: Readonly<Record<string, FlatEndpoint>> = {},
): ReadonlyMap<string, Endpoint> {
  return new Map([
    ['fal-ai/gpt-image-1-mini', gptImage1Mini],
    ['openai/gpt-image-2.5/flare/text-to-image', gptImage25],
    ['openai/gpt-image-2.5/sunburst/text-to-image', gptImage25],
    ...Object.entries(flat).map(([id, options]) => [id, flatEndpoint(options)] as const),
  ]);
}

function flatEndpoint({ microUsdPerImage, required = [] }: FlatEndpoint): Endpoint {
  return {
    issues: (input) => [
      ...promptIssues(input),
      ...countIssues(input, 4),
      ...required.flatMap((name) =>
        typeof input[name] === 'string' && input[name] !== ''
          ? []
          : [issue(name, 'Field required', 'missing', input[name] ?? null)],
      ),
    ],
    defaults: { num_images: 1, output_format: 'png' },
    unit: { name: 'images', priceMicroUsd: microUsdPerImage, stepMicroUsd: microUsdPerImage },
    costMicroUsd: (input) => countOf(input) * microUsdPerImage,
    output: (input) =>
      outputShape(input, text(input['image_size'], SIZES.square), input['background'] === 'transparent'),
  };
}

function outputShape(input: Input, size: string, transparent: boolean): OutputShape {
  const match = /^(\d{1,4})x(\d{1,4})$/.exec(size);
  const format = text(input['output_format'], 'png');
  return {
    count: countOf(input),
    width: Number(match?.[1] ?? 1024),
    height: Number(match?.[2] ?? 1024),
    format: format === 'jpeg' || format === 'webp' ? format : 'png',
    transparent,
    said: 'all',
  };
}

/** `auto` may become any size (FAL.md): here the prompt decides, so that a repeat looks alike. */
function resolvedSize(input: Input): string {
  const size = text(input['image_size'], 'auto');
  if (size !== 'auto') return size;
  const sizes = Object.values(SIZES);
  const digest = createHash('sha256').update(text(input['prompt'])).digest();
  return sizes[(digest[0] ?? 0) % sizes.length] ?? SIZES.square;
}

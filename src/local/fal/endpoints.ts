import { createHash } from 'node:crypto';
import type { MicroUsd } from '../../shared/money.ts';
import type { Issue } from './outcome.ts';

/**
 * The endpoints that the simulator serves, with their prices. Written from FAL.md alone and on purpose without
 * `src/shared/models`: it is the second opinion on the program's own price rule.
 */
export type Input = Readonly<Record<string, unknown>>;

export interface Endpoint {
  /** Everything that the endpoint refuses about this input; empty where it is good. */
  readonly issues: (input: Input) => readonly Issue[];
  /** What counts where an input is left out. */
  readonly defaults: Input;
  /** One billable unit, as fal's price list states it. */
  readonly unit: { readonly name: string; readonly priceMicroUsd: MicroUsd };
  /** Units of a run that succeeds. */
  readonly units: (input: Input) => number;
  readonly output: (input: Input) => OutputShape;
}

export interface OutputShape {
  readonly count: number;
  readonly width: number;
  readonly height: number;
  readonly format: 'jpeg' | 'png' | 'webp';
  readonly transparent: boolean;
}

/** A made-up endpoint with one price for every picture, for tests of other models. */
export interface FlatEndpoint {
  readonly microUsdPerImage: MicroUsd;
  /** Inputs that must be texts, such as the address of a product photograph. */
  readonly required?: readonly string[];
}

const SIZES = { square: '1024x1024', wide: '1536x1024', tall: '1024x1536' } as const;
const CENT: MicroUsd = 10_000;
const MAX_PROMPT_CHARACTERS = 32_000;

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
    ...countIssues(input),
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
  unit: { name: 'cents', priceMicroUsd: CENT },
  // $0.002 per 1,000 tokens, 4 tokens a word: 8 micro-dollars a word; the total is rounded up to a cent.
  units: (input) => {
    const words = text(input['prompt']).split(/\s+/).filter(Boolean).length;
    const [square, other] = IMAGE_PRICES[text(input['quality'], 'auto')] ?? [0, 0];
    const perImage = resolvedSize(input) === SIZES.square ? square : other;
    return Math.ceil((words * 8 + countOf(input) * perImage) / CENT);
  },
  output: (input) => outputShape(input, resolvedSize(input), input['background'] === 'transparent'),
};

export function endpointsOf(
  flat: Readonly<Record<string, FlatEndpoint>> = {},
): ReadonlyMap<string, Endpoint> {
  return new Map([
    ['fal-ai/gpt-image-1-mini', gptImage1Mini],
    ...Object.entries(flat).map(([id, options]) => [id, flatEndpoint(options)] as const),
  ]);
}

function flatEndpoint({ microUsdPerImage, required = [] }: FlatEndpoint): Endpoint {
  return {
    issues: (input) => [
      ...promptIssues(input),
      ...countIssues(input),
      ...required.flatMap((name) =>
        typeof input[name] === 'string' && input[name] !== ''
          ? []
          : [issue(name, 'Field required', 'missing', input[name] ?? null)],
      ),
    ],
    defaults: { num_images: 1, output_format: 'png' },
    unit: { name: 'images', priceMicroUsd: microUsdPerImage },
    units: countOf,
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

function countOf(input: Input): number {
  return typeof input['num_images'] === 'number' ? input['num_images'] : 1;
}

function text(value: unknown, fallback = ''): string {
  return typeof value === 'string' ? value : fallback;
}

function promptIssues(input: Input): Issue[] {
  const prompt = input['prompt'];
  if (prompt === undefined) return [issue('prompt', 'Field required', 'missing', input)];
  if (typeof prompt !== 'string')
    return [issue('prompt', 'Input should be a valid string', 'string_type', prompt)];
  if (prompt.trim() === '')
    return [issue('prompt', 'String should have at least 1 character', 'string_too_short', prompt)];
  if (prompt.length <= MAX_PROMPT_CHARACTERS) return [];
  const limit = `String should have at most ${MAX_PROMPT_CHARACTERS} characters`;
  return [issue('prompt', limit, 'string_too_long', prompt)];
}

function optionIssues(input: Input, name: string, allowed: readonly string[]): Issue[] {
  const value = input[name];
  if (value === undefined || (typeof value === 'string' && allowed.includes(value))) return [];
  const quoted = allowed.map((option) => `'${option}'`);
  const expected = `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1) ?? ''}`;
  return [issue(name, `Input should be ${expected}`, 'literal_error', value)];
}

function countIssues(input: Input): Issue[] {
  const count = input['num_images'];
  if (count === undefined) return [];
  if (!Number.isInteger(count))
    return [issue('num_images', 'Input should be a valid integer', 'int_type', count)];
  if (Number(count) < 1)
    return [issue('num_images', 'Input should be greater than or equal to 1', 'greater_than_equal', count)];
  if (Number(count) <= 4) return [];
  return [issue('num_images', 'Input should be less than or equal to 4', 'less_than_equal', count)];
}

function issue(name: string, msg: string, type: string, input: unknown): Issue {
  return { loc: ['body', name], msg, type, input };
}

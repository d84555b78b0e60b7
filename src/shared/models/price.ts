import type { MicroUsd } from '../base/money.ts';
import { type InputValue, type Model, type ModelValues, matches, type PriceRule } from './model.ts';

/** What one request can cost. Both ends are equal where every option is explicit and the rule knows the prompt's tokens. */
export interface PriceRange {
  readonly minMicroUsd: MicroUsd;
  /** The dearest possible: what is reserved. */
  readonly maxMicroUsd: MicroUsd;
}

/**
 * The price of one request for `numImages` pictures. `values` are the model's inputs after defaults; words are counted
 * at white space, as the model card does. Throws a RangeError where the rule has no price: `createRegistry` has shown
 * that this cannot happen to values that the model allows.
 */
export function priceOf(model: Model, values: ModelValues, prompt: string, numImages: number): PriceRange {
  return pricerOf(model, values, prompt)(numImages);
}

/** `priceOf` with everything done that does not depend on the number of pictures. */
export function pricerOf(
  model: Model,
  values: ModelValues,
  prompt: string,
): (numImages: number) => PriceRange {
  const rule = model.price;
  const perImage = listPrice(model, values);
  const text = promptPrice(rule, prompt);
  const prompts = (numImages: number) =>
    rule.kind === 'image-tokens' && rule.promptCharged === 'each-image' ? numImages : 1;
  const total = (microUsdPerImage: MicroUsd, textMicroUsd: MicroUsd, numImages: number) =>
    roundUp(microUsdPerImage * numImages + textMicroUsd * prompts(numImages), rule.roundUpToMicroUsd);
  return (numImages) => ({
    minMicroUsd: total(perImage.minMicroUsd, text.minMicroUsd, numImages),
    maxMicroUsd: total(perImage.maxMicroUsd, text.maxMicroUsd, numImages),
  });
}

/** What a prompt costs once. */
function promptPrice(rule: PriceRule, prompt: string): PriceRange {
  if (rule.kind === 'flat') return { minMicroUsd: 0, maxMicroUsd: 0 };
  const words = wordsOf(prompt);
  const price = (tokens: number) => Math.floor(tokens * rule.microUsdPerToken);
  if (rule.promptTokens === 'four-a-word') {
    return { minMicroUsd: price(words * 4), maxMicroUsd: price(words * 4) };
  }
  // Four a word is no bound: a Japanese prompt is one word.
  const most = Math.max(words * 4, Buffer.byteLength(prompt));
  return { minMicroUsd: price(charactersOf(prompt) / 6), maxMicroUsd: price(most) };
}

/** The price of one picture by the price list: no prompt, no rounding. */
export function listPrice(model: Model, values: ModelValues): PriceRange {
  const rule = model.price;
  if (rule.kind === 'flat') {
    return { minMicroUsd: rule.microUsdPerImage, maxMicroUsd: rule.microUsdPerImage };
  }
  const known = tierCaches.get(rule) ?? { names: pricedInputs(rule), ranges: new Map<string, PriceRange>() };
  tierCaches.set(rule, known);
  let key = '';
  for (const name of known.names) key += `${values[name]}\n`;
  const range = known.ranges.get(key) ?? tierRange(model, rule, values);
  known.ranges.set(key, range);
  return range;
}

type TierRule = Extract<PriceRule, { kind: 'image-tokens' }>;

/** A list of a million rows asks for the same few tiers. Keys are values that the model allows, so it stays small. */
const tierCaches = new WeakMap<
  TierRule,
  { readonly names: readonly string[]; readonly ranges: Map<string, PriceRange> }
>();

/** The inputs that the rule's tiers name. */
function pricedInputs(rule: TierRule): string[] {
  return [...new Set(rule.tiers.flatMap((tier) => Object.keys(tier.when)))];
}

function tierRange(model: Model, rule: TierRule, values: ModelValues): PriceRange {
  const open = pricedInputs(rule).filter((name) => values[name] === rule.undecided);
  let candidates: Record<string, InputValue>[] = [{ ...values }];
  for (const name of open) {
    const options = model.inputs.find((input) => input.name === name)?.options ?? [];
    const decided = options.filter((option) => option !== rule.undecided);
    candidates = candidates.flatMap((chosen) => decided.map((option) => ({ ...chosen, [name]: option })));
  }
  const prices = candidates.map((chosen) => {
    const tier = rule.tiers.find((each) => matches(each.when, chosen));
    if (tier === undefined)
      throw new RangeError(`${model.endpoint} has no price for ${JSON.stringify(chosen)}`);
    return tier.microUsdPerImage;
  });
  return { minMicroUsd: Math.min(...prices), maxMicroUsd: Math.max(...prices) };
}

/** Whether each combination of options has a price; throws the RangeError of the first that has none. */
export function assertPriced(model: Model): void {
  if (model.price.kind === 'flat') return;
  let combinations: Record<string, InputValue>[] = [{}];
  for (const name of pricedInputs(model.price)) {
    const options = model.inputs.find((input) => input.name === name)?.options ?? [];
    combinations = combinations.flatMap((chosen) => options.map((option) => ({ ...chosen, [name]: option })));
  }
  if (combinations.length === 0) {
    throw new RangeError(`${model.endpoint}: the price depends on an input that is no enum`);
  }
  for (const values of combinations) listPrice(model, values);
}

/** Counts runs of what is not white space. A list of a million prompts is read here, so no array of words is made. */
function wordsOf(prompt: string): number {
  let words = 0;
  let inWord = false;
  for (let at = 0; at < prompt.length; at += 1) {
    const blank = isBlank(prompt.charCodeAt(at));
    if (!blank && !inWord) words += 1;
    inWord = !blank;
  }
  return words;
}

/** Unicode characters, counted without an array of them. */
function charactersOf(prompt: string): number {
  let characters = 0;
  for (let at = 0; at < prompt.length; at += 1) {
    const code = prompt.charCodeAt(at);
    // The second half of a pair.
    if (code < 0xdc00 || code > 0xdfff) characters += 1;
  }
  return characters;
}

/** The same characters as `\s` in a regular expression. */
function isBlank(code: number): boolean {
  if (code < 0x80) return code === 0x20 || (code >= 0x09 && code <= 0x0d);
  return /\s/.test(String.fromCharCode(code));
}

function roundUp(microUsd: MicroUsd, step: number): MicroUsd {
  return Math.ceil(microUsd / step) * step;
}

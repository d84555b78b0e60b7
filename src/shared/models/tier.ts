import type { Model, ModelInput } from './model.ts';
import { listPrice } from './price.ts';

export interface Tier {
  readonly input: ModelInput;
  /** Cheapest first, without the one that leaves it to the model. */
  readonly options: readonly string[];
}

/** The input by which a person chooses between good and cheap; undefined where the model has none. */
export function tierOf({ inputs, price }: Model): Tier | undefined {
  const input = inputs.find(({ tier }) => tier === true);
  if (input === undefined) return undefined;
  const undecided = price.kind === 'image-tokens' ? price.undecided : undefined;
  return { input, options: (input.options ?? []).filter((option) => option !== undecided) };
}

/** Throws a RangeError where the options of a model's tier are not in ascending order of their price. */
export function assertTier(model: Model): void {
  const tier = tierOf(model);
  if (tier === undefined) return;
  const others = Object.fromEntries(
    model.inputs.flatMap(({ name, default: value }) => (value === undefined ? [] : [[name, value]])),
  );
  const prices = tier.options.map(
    (option) => listPrice(model, { ...others, [tier.input.name]: option }).maxMicroUsd,
  );
  const ascends = prices.every((price, at) => at === 0 || price > (prices[at - 1] ?? 0));
  if (prices.length === 0 || !ascends) {
    throw new RangeError(`model ${model.endpoint}: the options of ${tier.input.name} do not ascend in price`);
  }
}

import { UserError } from '../base/errors.ts';
import { nearest } from '../base/nearest.ts';
import { model as gptImageMini } from './gpt-image-1-mini.ts';
import { model as flare } from './gpt-image-2.5-flare.ts';
import { model as sunburst } from './gpt-image-2.5-sunburst.ts';
import { type Model, modelSchema } from './model.ts';
import { assertPriced } from './price.ts';
import { assertTier } from './tier.ts';
import { sizeOf } from './wire.ts';

/** The models that a list may name. A model's file is added to this table, and to nothing else. */
const MODELS: readonly Model[] = [gptImageMini, flare, sunburst];

export interface Registry {
  /** The first is the default until its end; see `default-model.ts`. */
  readonly models: readonly Model[];
  /** By endpoint id or alias; undefined where there is none. */
  find(name: string): Model | undefined;
  /** By endpoint id or alias; throws a `UserError` (`unknown_model`) that names the nearest. */
  get(name: string): Model;
}

/** The model whose runs may last longest: what is counted on for an endpoint that has no model file any more. */
export function slowestOf({ models }: Pick<Registry, 'models'>): Model {
  return models.reduce((slow, model) => (model.latency.maxMs > slow.latency.maxMs ? model : slow));
}

export function defaultRegistry(): Registry {
  return createRegistry(MODELS);
}

/** Throws a RangeError on a model file that contradicts itself: that is a bug in it. */
export function createRegistry(models: readonly Model[]): Registry {
  if (models.length === 0) throw new RangeError('a registry needs a model');
  const byName = new Map<string, Model>();
  for (const model of models) {
    assertModel(model);
    for (const name of new Set([model.endpoint, model.alias])) {
      if (byName.has(name)) throw new RangeError(`two models are called ${name}`);
      byName.set(name, model);
    }
  }
  const find = (name: string) => byName.get(name);
  const get = (name: string) => {
    const model = find(name);
    if (model !== undefined) return model;
    throw new UserError(
      'unknown_model',
      `There is no model ${JSON.stringify(name)}; ${modelHint(models, name)}.`,
    );
  };
  return { models, find, get };
}

/** `use …`, with the nearest name first where one is near. */
export function modelHint(models: readonly Model[], name: string): string {
  const aliases = models.map((model) => model.alias);
  const near = nearest(name, [...aliases, ...models.map((model) => model.endpoint)]);
  if (near !== undefined) return `the nearest is ${near}`;
  return aliases.length === 1 ? `use ${aliases[0]}` : `use one of ${aliases.join(', ')}`;
}

function assertModel(model: Model): void {
  const parsed = modelSchema.safeParse(model);
  if (!parsed.success) {
    throw new RangeError(`model ${model.endpoint} does not fit the schema`, { cause: parsed.error });
  }
  const names = new Set<string>([model.prompt.input, model.images.input]);
  for (const input of model.inputs) {
    if (names.has(input.name)) throw new RangeError(`model ${model.endpoint} has ${input.name} twice`);
    names.add(input.name);
    if (input.type === 'enum' && input.options === undefined) {
      throw new RangeError(`model ${model.endpoint}: ${input.name} is an enum without options`);
    }
    if (
      input.type === 'enum' &&
      input.default !== undefined &&
      !input.options?.includes(`${input.default}`)
    ) {
      throw new RangeError(`model ${model.endpoint}: the default of ${input.name} is none of its options`);
    }
    if (input.wire !== undefined && !(input.options ?? []).every((option) => sizeOf(option) !== undefined)) {
      throw new RangeError(`model ${model.endpoint}: an option of ${input.name} has no width and height`);
    }
  }
  assertPriced(model);
  assertTier(model);
}

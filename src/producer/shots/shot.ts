import { shown, shownNames } from '../../shared/base/text.ts';
import type { InputValue, Model, ModelInput, ModelValues } from '../../shared/models/model.ts';
import { matches } from '../../shared/models/model.ts';
import { modelHint, type Registry } from '../../shared/models/registry.ts';
import { compileTemplate } from '../../shared/pictures/template.ts';
import type { RowFault } from '../list/fault.ts';
import type { RawRow } from '../list/list.ts';
import { createColumnHints } from './column-hints.ts';
import { type FieldSchemas, fieldSchemas } from './fields.ts';
import type { IdSet } from './id-set.ts';
import { DEFAULT_RECIPE, DEFAULT_VARIANTS, type ListOptions } from './options.ts';
import { readPrompt } from './prompt.ts';
import { ShotRow } from './row-reader.ts';

/** One row, checked: all that is needed to plan it. */
export interface Shot {
  readonly line: number;
  /** As written, but for white space at its ends. */
  readonly id: string;
  readonly model: Model;
  /** Filled in. */
  readonly prompt: string;
  /** Every input of the model that has a value, defaults included; not prompt and number of pictures. */
  readonly values: ModelValues;
  readonly variants: number;
  readonly recipe: string;
  /** The template of its files' names; absent where these have the default names. */
  readonly names?: string;
  readonly columns: Readonly<Record<string, string>>;
}

export interface ShotDeps {
  readonly registry: Registry;
  /** Of the rows that name no model, where no option does either; it counts them. */
  readonly fallback: ModelFallback;
  readonly options: ListOptions;
  /** Names of the recipes that there are. */
  readonly recipes: ReadonlySet<string>;
  /** Which ids the list has had: filled by this function. */
  readonly ids: IdSet;
  /** Said once a list, by its text. */
  readonly warnings: Set<string>;
}

export interface ModelFallback {
  readonly model: Model;
  rows: number;
}

export type Validated =
  | { readonly ok: true; readonly shot: Shot }
  | { readonly ok: false; readonly faults: readonly RowFault[] };

/**
 * The check of one row: row over option over the model's default, an empty cell counts as absent. Compiles what is the
 * same for all rows once; the function it returns finds every fault of a row.
 */
export function createValidator(deps: ShotDeps): (raw: RawRow) => Validated {
  const { registry, fallback, options, recipes, ids, warnings } = deps;
  const template = options.template === undefined ? undefined : compileTemplate(options.template);
  const schemas = new Map<Model, FieldSchemas>();
  const hint = createColumnHints(registry, warnings);

  const schemasOf = (model: Model): FieldSchemas => {
    const known = schemas.get(model) ?? fieldSchemas(model, recipes);
    schemas.set(model, known);
    return known;
  };

  return (raw) => {
    hint(raw);
    const row = new ShotRow(raw, options);
    const model = readModel(row, registry, fallback);
    if (model === undefined) return { ok: false, faults: row.faults };
    const fields = schemasOf(model);

    const id = readId(row, fields, ids);
    const prompt = readPrompt(row, model, template, warnings);
    const variants = row.read(
      'variants',
      '--variants',
      options.variants ?? DEFAULT_VARIANTS,
      fields.variants,
    );
    const recipe = row.read('recipe', '--recipe', options.recipe ?? DEFAULT_RECIPE, fields.recipe);
    const values = readValues(row, model, fields, warnings);
    refuseCombinations(row, model, values);
    if (row.has(model.images.input)) {
      warnings.add(
        `The column ${model.images.input} is carried along but not used: "variants" says how many pictures.`,
      );
    }

    if (row.faults.length > 0) return { ok: false, faults: row.faults };
    // Without a fault each of them was read.
    if (id === undefined || prompt === undefined || variants === undefined || recipe === undefined) {
      throw new Error(`row on line ${raw.line} was neither read nor refused`);
    }
    const shot = { line: raw.line, id, model, prompt, values, variants, recipe, columns: raw.columns };
    return { ok: true, shot };
  };
}

function readModel(row: ShotRow, registry: Registry, fallback: ModelFallback): Model | undefined {
  const cell = row.cell('model');
  const name = cell ?? row.options.model;
  if (name === undefined) {
    fallback.rows += 1;
    return fallback.model;
  }
  const model = registry.find(name);
  if (model !== undefined) return model;
  const sentence = `there is no model ${shown(name)}; ${modelHint(registry.models, name)}`;
  if (cell === undefined) return row.faultOfList('--model', sentence);
  return row.fault('model', `${sentence} (a "model" of the shop's own: --ignore model)`);
}

function readId(row: ShotRow, fields: FieldSchemas, ids: IdSet): string | undefined {
  const column = idColumnOf(row) ?? 'id';
  const id = row.cell(column);
  if (id === undefined) {
    const names = Object.keys(row.raw.columns);
    if (names.some((name) => /^(id|sku)$/i.test(name)))
      return row.fault('id', 'the row has no id; fill in "id" (or "sku")');
    return row.faultOfList(
      'id',
      `the row has no id; name one column "id" or "sku" (the columns are ${shownNames(names)})`,
    );
  }
  const parsed = fields.id.safeParse(id);
  if (!parsed.success) {
    return row.fault(column, `${shown(id)} ${parsed.error.issues[0]?.message ?? 'is not allowed'}`);
  }
  const earlier = ids.add(id, row.raw.line);
  if (earlier === undefined) return id;
  return row.fault(column, `${shown(id)} is also on line ${earlier}; an id may stand once in a list`);
}

/** The first filled column of `id`, `sku`, and the same two words in other capitals. */
function idColumnOf(row: ShotRow): string | undefined {
  for (const name of ['id', 'sku']) if (row.has(name)) return name;
  const names = Object.keys(row.raw.columns);
  for (const word of ['id', 'sku']) {
    const found = names.find((name) => name.toLowerCase() === word && row.has(name));
    if (found !== undefined) return found;
  }
  return undefined;
}

function readValues(
  row: ShotRow,
  model: Model,
  fields: FieldSchemas,
  warnings: Set<string>,
): Record<string, InputValue> {
  const values: Record<string, InputValue> = {};
  for (const input of model.inputs) {
    const schema = fields.inputs.get(input.name);
    const written = row.cell(input.name) ?? row.options.inputs[input.name];
    const value =
      written === undefined || schema === undefined
        ? input.default
        : row.read(input.name, `--${input.flag}`, written, schema);
    if (value !== undefined) values[input.name] = value;
    else if (written === undefined && input.required) row.fault(input.name, missingSentence(model, input));
    if (input.warning !== undefined && value !== undefined && value !== input.default) {
      warnings.add(input.warning);
    }
  }
  for (const name in row.options.inputs) {
    if (model.inputs.some((input) => input.name === name)) continue;
    row.faultOfList(`--${name}`, `${model.alias} has no such input; leave the option out`);
  }
  return values;
}

function missingSentence(model: Model, input: ModelInput): string {
  return `${model.alias} needs it: ${input.description}`;
}

function refuseCombinations(row: ShotRow, model: Model, values: ModelValues): void {
  for (const { when, sentence } of model.refusals) {
    if (!matches(when, values)) continue;
    const names = Object.keys(when);
    const flagOf = (name: string) => model.inputs.find((input) => input.name === name)?.flag ?? name;
    const column = names.find((name) => row.has(name)) ?? `--${flagOf(names[0] ?? '')}`;
    const choice = names.map((name) => `${name} ${shown(String(when[name]))}`).join(' with ');
    row.fault(column, `${choice} is not allowed: ${sentence}`);
  }
}

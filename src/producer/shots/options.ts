import type { ZodType } from 'zod';
import { UserError } from '../../shared/base/errors.ts';
import { shown } from '../../shared/base/text.ts';
import type { Model } from '../../shared/models/model.ts';
import type { Registry } from '../../shared/models/registry.ts';
import { compileNames } from '../../shared/pictures/file-names.ts';
import { compileTemplate } from '../../shared/pictures/template.ts';
import { fieldSchemas } from './fields.ts';

/** What the command line says for all rows that do not say otherwise, as text, the way a row would write it. */
export interface ListOptions {
  /** Endpoint id or alias. */
  readonly model?: string;
  readonly template?: string;
  readonly variants?: string;
  readonly recipe?: string;
  /** The template of the files' names, over what the recipes say. */
  readonly names?: string;
  /** Columns that are not read at all, as the list calls them. */
  readonly ignore?: readonly string[];
  /** By fal's input names: `{ quality: 'high', sync_mode: 'true' }`. */
  readonly inputs: Readonly<Record<string, string>>;
}

export const DEFAULT_RECIPE = 'catalog';
export const DEFAULT_VARIANTS = '1';

export interface OptionDeps {
  readonly registry: Registry;
  /** Where no option names a model. */
  readonly defaultModel: Model;
  readonly recipes: ReadonlySet<string>;
}

/**
 * Throws one `UserError` (`bad_option`) that names every option that no row could use, before the list is opened. What
 * depends on a row's own model is checked with the row.
 */
export function assertOptions(options: ListOptions, { registry, defaultModel, recipes }: OptionDeps): void {
  const model = options.model === undefined ? defaultModel : registry.get(options.model);
  const fields = fieldSchemas(model, recipes);
  const faults: string[] = [];
  const check = (flag: string, value: string | undefined, schema: ZodType | undefined) => {
    const parsed = value === undefined ? undefined : schema?.safeParse(value);
    if (value === undefined || parsed === undefined || parsed.success) return;
    faults.push(`--${flag} ${shown(value)} ${parsed.error.issues[0]?.message ?? 'is not allowed'}`);
  };

  check('variants', options.variants, fields.variants);
  check('recipe', options.recipe, fields.recipe);
  if (options.template !== undefined) {
    const template = compileTemplate(options.template);
    if ('fault' in template) faults.push(`--template: ${template.fault}`);
  }
  if (options.names !== undefined) {
    const names = compileNames(options.names);
    if ('fault' in names) faults.push(`--names: ${names.fault}`);
  }
  for (const [name, value] of Object.entries(options.inputs)) {
    const input = model.inputs.find((each) => each.name === name);
    if (input !== undefined) {
      check(input.flag, value, fields.inputs.get(name));
    } else if (!registry.models.some((each) => each.inputs.some((other) => other.name === name))) {
      faults.push(`no model has an input ${name}; leave the option out`);
    }
  }
  if (faults.length > 0) throw new UserError('bad_option', `${faults.join('; ')}.`);
}

/** commander's name of an option: `image-size` becomes `imageSize`. */
export function attributeOf(flag: string): string {
  return flag.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

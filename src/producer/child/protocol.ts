import { z } from 'zod';
import { UserError } from '../../shared/base/errors.ts';
import type { Registry } from '../../shared/models/registry.ts';
import type { Recipe } from '../../shared/pictures/recipes.ts';
import type { ListForm } from '../list/list.ts';
import { MAX_VARIANTS } from '../shots/fields.ts';
import type { ListOptions } from '../shots/options.ts';
import type { Shot } from '../shots/shot.ts';
import type { Checked } from './check-rows.ts';
import { PlanBrokenError, type PlanLimits } from './limits.ts';

/** What a recipe says of the names of files. */
export type NamedRecipe = Pick<Recipe, 'names' | 'renditions'>;

/** What the process of a list is told, as JSON; the list's bytes come by its standard input. */
export interface PlanJob {
  readonly form: ListForm;
  readonly options: ListOptions;
  /** Its endpoint id. */
  readonly defaultModel: string;
  /** By their names in the plan. */
  readonly recipes: readonly (readonly [string, NamedRecipe])[];
  readonly limits: PlanLimits;
}

/** A row of 1 MiB of control characters, escaped, with its prompt: no honest answer is longer. */
export const MAX_ANSWER_BYTES = 8 * 1_048_576;
/** A fault or a warning is a sentence, with a value or two. */
const MAX_SENTENCE = 4_000;

const sentence = z
  .string()
  .transform((text) => (text.length <= MAX_SENTENCE ? text : `${text.slice(0, MAX_SENTENCE)}…`));

/** A loop, and not `z.record`: there are twenty cells a row, and a million rows. */
const texts = z.custom<Record<string, string>>((value) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  for (const cell of Object.values(value)) if (typeof cell !== 'string') return false;
  return true;
});

const line = z.int().min(1);

const answer = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('shot'),
    line,
    id: z.string(),
    model: z.string(),
    prompt: z.string().min(1),
    values: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
    variants: z.int().min(1).max(MAX_VARIANTS),
    recipe: z.string(),
    names: z.string().optional(),
    columns: texts,
  }),
  z.strictObject({
    kind: z.literal('fault'),
    line,
    column: z.string().optional(),
    sentence,
    ofList: z.literal(true).optional(),
  }),
  z.strictObject({ kind: z.literal('warning'), text: sentence }),
  z.strictObject({ kind: z.literal('default-rows'), rows: z.int().min(0) }),
  /** Instead of the end: without a code it is a fault of ours. */
  z.strictObject({ kind: z.literal('failed'), code: z.string().optional(), message: sentence }),
]);
type Answer = z.infer<typeof answer>;

/** One line of the process's standard output. */
export function encodeChecked(checked: Checked): string {
  return `${JSON.stringify(answerOf(checked))}\n`;
}

export function encodeFailure(thrown: unknown): string {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const code = thrown instanceof UserError ? { code: thrown.code } : {};
  return `${JSON.stringify({ kind: 'failed', ...code, message } satisfies Answer)}\n`;
}

function answerOf(checked: Checked): Answer {
  switch (checked.kind) {
    case 'shot':
      return { kind: 'shot', ...checked.shot, model: checked.shot.model.endpoint };
    case 'fault':
      return { kind: 'fault', ...checked.fault };
    default:
      return checked;
  }
}

export interface DecodeDeps {
  readonly registry: Registry;
  readonly options: ListOptions;
  readonly recipes: ReadonlyMap<string, NamedRecipe>;
}

/**
 * Reads one line of the process's standard output, and believes nothing that a checked row could not be. Throws what
 * the process has failed with, and a `PlanBrokenError` for any other line.
 */
export function decodeAnswer(text: string, deps: DecodeDeps): Checked {
  const read = parsed(text);
  switch (read.kind) {
    case 'shot':
      return { kind: 'shot', shot: shotOf(read, deps) };
    case 'fault': {
      const { line, column, sentence, ofList } = read;
      return { kind: 'fault', fault: { line, column, sentence, ofList } };
    }
    case 'failed':
      throw read.code === undefined
        ? new PlanBrokenError(`${read.message} (this is a fault of shotlist)`)
        : new UserError(read.code, read.message);
    default:
      return read;
  }
}

function parsed(text: string): Answer {
  try {
    return answer.parse(JSON.parse(text));
  } catch (thrown) {
    throw unpromised('what it said is no answer', thrown);
  }
}

function shotOf(read: Extract<Answer, { kind: 'shot' }>, { registry, options, recipes }: DecodeDeps): Shot {
  const { line, id, prompt, values, variants, recipe, names, columns } = read;
  const model = registry.find(read.model);
  const chosen = recipes.get(recipe);
  if (model === undefined || model.endpoint !== read.model) throw unpromised('there is no such model');
  if (chosen === undefined) throw unpromised('there is no such recipe');
  if (names !== undefined && names !== (options.names ?? chosen.names))
    throw unpromised('nobody has chosen such names of files');
  // UTF-16 units: at most two a character.
  if (prompt.length > model.prompt.maxCharacters * 2) throw unpromised('the prompt is too long');
  const inputs = new Set(model.inputs.map((input) => input.name));
  if (!Object.keys(values).every((name) => inputs.has(name))) throw unpromised('there is no such input');
  return {
    line,
    id,
    model,
    prompt,
    values,
    variants,
    recipe,
    columns,
    ...(names === undefined ? {} : { names }),
  };
}

export function unpromised(why: string, cause?: unknown): PlanBrokenError {
  return new PlanBrokenError(
    `The process that planned the list gave an answer that cannot be used: ${why} (this is a fault of shotlist)`,
    { cause },
  );
}

import { z } from 'zod';
import type { InputValue, Model, ModelInput } from '../../shared/models/model.ts';

/** How each field of a row is read from text. A message continues a sentence that begins with the value. */
export interface FieldSchemas {
  readonly id: z.ZodType<string>;
  readonly variants: z.ZodType<number>;
  readonly recipe: z.ZodType<string>;
  /** By fal's input names. */
  readonly inputs: ReadonlyMap<string, z.ZodType<InputValue>>;
}

export const MAX_VARIANTS = 100;
const MAX_ID_CHARACTERS = 500;

export function fieldSchemas(model: Model, recipes: ReadonlySet<string>): FieldSchemas {
  return {
    id: z
      .string()
      .max(MAX_ID_CHARACTERS, `is too long; an id has at most ${MAX_ID_CHARACTERS} characters`)
      .regex(/^\P{Cc}*$/u, 'holds a control character; an id is one line of text'),
    variants: wholeNumber(1, MAX_VARIANTS),
    recipe: oneOf([...recipes]),
    inputs: new Map(model.inputs.map((input) => [input.name, inputSchema(input)])),
  };
}

function inputSchema(input: ModelInput): z.ZodType<InputValue> {
  switch (input.type) {
    case 'enum':
      return oneOf(input.options ?? []);
    case 'integer':
      return wholeNumber(input.min ?? Number.MIN_SAFE_INTEGER, input.max ?? Number.MAX_SAFE_INTEGER);
    case 'boolean':
      return truth;
    case 'string':
      return z.string();
    case 'image':
      return z.string().refine((text) => /^https?:\/\//i.test(text) && URL.canParse(text), {
        message: 'is no address of an image; use one that starts with https://',
      });
  }
}

function oneOf(options: readonly string[]): z.ZodType<string> {
  return z.enum(options, { message: `is not allowed; use one of ${options.join(', ')}` });
}

const truth = z
  .string()
  .toLowerCase()
  .pipe(z.enum(['true', 'false', 'yes', 'no', '1', '0'], { message: 'is not allowed; use true or false' }))
  .transform((text) => text === 'true' || text === 'yes' || text === '1');

function wholeNumber(min: number, max: number): z.ZodType<number> {
  const message = `is not allowed; use a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^-?\d{1,15}$/, message)
    .transform(Number)
    .refine((value) => value >= min && value <= max, message);
}

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf, UserError } from './errors.ts';

/**
 * Recipes are data: one JSON file says which renditions are made of an original. The file's name without `.json` is
 * what the `recipe` column of a list and `--recipe` may say.
 */

const colour = z.string().regex(/^#[0-9a-f]{6}$/i, 'must be a colour such as "#ffffff"');
/** WebP's own limit; wider files exist, but no shop shows them. */
const side = z.int().min(1).max(16_383);
const quality = z.int().min(1).max(100);

const box = {
  /** Part of the object key, so plain: the key stays readable and never meets another on a disk that ignores case. */
  name: z
    .string()
    .regex(
      /^[a-z0-9][a-z0-9-]{0,31}$/,
      'must be 1 to 32 lower-case letters, digits or "-", such as "web-800"',
    ),
  width: side.optional(),
  height: side.optional(),
  /**
   * inside: the whole picture, at most this size. cover: fills this shape, the edges are cut. contain: the whole
   * picture in the middle of exactly this size, the rest in the background.
   */
  fit: z.enum(['inside', 'cover', 'contain']).default('inside'),
  /** Behind transparent parts where the format has none, and around the picture with `contain`. */
  background: colour.optional(),
  /** Written out in the file and never false: pixels that the model did not make are never made up. */
  withoutEnlargement: z.literal(true).default(true),
};

const rendition = z
  .discriminatedUnion('format', [
    z.strictObject({ ...box, format: z.literal('webp'), quality, effort: z.int().min(0).max(6).default(2) }),
    z.strictObject({ ...box, format: z.literal('jpeg'), quality }),
    // PNG stays lossless: quality and effort would make sharp reduce it to a palette.
    z.strictObject({ ...box, format: z.literal('png') }),
    // Effort 3 has the bytes of sharp's default 4 at a fifth of its time (MEASURED.md).
    z.strictObject({ ...box, format: z.literal('avif'), quality, effort: z.int().min(0).max(9).default(3) }),
  ])
  .superRefine((value, context) => {
    if (value.format === 'jpeg' && value.background === undefined) {
      context.addIssue({
        code: 'custom',
        path: ['background'],
        message:
          'must be a colour such as "#ffffff": jpeg has no transparency, and without one it turns black',
      });
    }
    if (value.fit !== 'inside' && (value.width === undefined || value.height === undefined)) {
      context.addIssue({
        code: 'custom',
        path: ['fit'],
        message: `"${value.fit}" needs both width and height; with one of them use "inside"`,
      });
    }
  });

const recipeFile = z.strictObject({
  description: z.string().min(1),
  /** strip: no rendition carries metadata of the original. */
  metadata: z.enum(['strip']),
  /** label: every file says in its XMP that a model made it. none is taken only with `--allow-unlabelled`. */
  provenance: z.enum(['label', 'none']).default('label'),
  renditions: z
    .array(rendition)
    .max(32)
    .superRefine((renditions, context) => {
      const seen = new Set<string>();
      for (const [index, { name }] of renditions.entries()) {
        if (seen.has(name)) {
          context.addIssue({
            code: 'custom',
            path: [index, 'name'],
            message: `"${name}" names two renditions; each needs a name of its own`,
          });
        }
        seen.add(name);
      }
    }),
});

export type Rendition = Readonly<z.infer<typeof rendition>>;
export type RenditionFormat = Rendition['format'];

export interface Recipe {
  readonly name: string;
  readonly description: string;
  readonly metadata: 'strip';
  readonly provenance: 'label' | 'none';
  readonly renditions: readonly Rendition[];
}

/**
 * The recipe that a file holds. `name` is the file's name without its ending, `source` how to call the file in
 * errors. Throws one `UserError` that names the file, every bad field and what is allowed.
 */
export function parseRecipe(name: string, text: string, source: string): Recipe {
  if (!/^[a-z0-9][a-z0-9-]{0,31}$/.test(name)) {
    throw new UserError(
      'bad_recipe',
      `The recipe ${source} cannot be named in a list: rename it to lower-case letters, digits and "-", such as shop-2.json.`,
    );
  }
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw new UserError('bad_recipe', `The recipe ${source} is not JSON: ${messageOf(cause)}.`, { cause });
  }
  const parsed = recipeFile.safeParse(content);
  if (parsed.success) return { name, ...parsed.data };
  const faults = parsed.error.issues.map(({ path, message }) => `${fieldName(path)}: ${message}`);
  throw new UserError('bad_recipe', `The recipe ${source} needs mending. ${faults.join('. ')}.`);
}

/** All recipes of a folder by name; every file is checked. Throws one `UserError` for the first bad file. */
export async function loadRecipes(folder: string): Promise<ReadonlyMap<string, Recipe>> {
  let files: string[];
  try {
    files = await readdir(folder);
  } catch (cause) {
    throw new UserError(
      'no_recipes',
      `The folder of recipes ${folder} cannot be read: ${messageOf(cause)}. It is part of the program; install it again.`,
      { cause },
    );
  }
  const recipes = new Map<string, Recipe>();
  for (const file of files.filter((each) => each.endsWith('.json')).sort()) {
    const path = join(folder, file);
    const recipe = parseRecipe(file.slice(0, -'.json'.length), await readFile(path, 'utf8'), path);
    recipes.set(recipe.name, recipe);
  }
  if (recipes.size === 0) {
    throw new UserError('no_recipes', `The folder of recipes ${folder} holds no .json file.`);
  }
  return recipes;
}

/** The recipes that ship with the program: `recipes/` at the package's root, from `src/` and `dist/` alike. */
export function shippedRecipesFolder(): string {
  return join(import.meta.dirname, '..', '..', 'recipes');
}

/** `renditions[2].fit` */
function fieldName(path: readonly PropertyKey[]): string {
  if (path.length === 0) return 'the file';
  return path
    .map((part, at) => (typeof part === 'number' ? `[${part}]` : `${at === 0 ? '' : '.'}${String(part)}`))
    .join('');
}

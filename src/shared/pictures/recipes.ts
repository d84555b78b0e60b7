import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { errorCodes, messageOf, UserError } from '../base/errors.ts';
import { projectRoot } from '../base/project-root.ts';
import { FILE_TOO_LARGE, readRegularFile } from '../base/regular-file.ts';
import { isOneLine } from '../base/text.ts';
import { namesFault } from './file-names.ts';
import { type Rendition, rendition } from './rendition.ts';
import { structureOf } from './structure.ts';

/**
 * Recipes are data: one JSON file says which renditions are made of an original. The file's name without `.json` is
 * what the `recipe` column of a list and `--recipe` may say.
 */

/** Free looks at each picture before it is published. */
export const CHECK_NAMES = ['blank', 'background', 'fill', 'clipped', 'near-duplicate'] as const;
export type CheckName = (typeof CHECK_NAMES)[number];

const level = z.enum(['off', 'warn', 'fail']).default('warn');
const checks = z.strictObject({
  blank: level,
  background: level,
  fill: level,
  clipped: level,
  'near-duplicate': level,
});
export type Checks = Readonly<z.infer<typeof checks>>;

const words = z
  .string()
  .trim()
  .min(1)
  .max(500)
  .refine(isOneLine, 'must be one line without control characters; remove them');
const rights = z.strictObject({
  /** Who made it: a studio, a person. */
  creator: words.optional(),
  /** The line that is to stand beside the picture. */
  credit: words.optional(),
  copyright: words.optional(),
  /** A page that says who may use it, and how. */
  webStatement: z
    .url({ protocol: /^https?$/, error: 'must be a web address such as "https://shop.example/licence"' })
    .optional(),
});
export type Rights = Readonly<z.infer<typeof rights>>;

const recipeFields = z.strictObject({
  description: z.string().min(1),
  /** Where the numbers come from, and when that was read. */
  sources: z.array(z.strictObject({ url: z.url(), read: z.iso.date(), says: z.string().min(1) })).default([]),
  /** strip: no rendition carries metadata of the original. */
  metadata: z
    .literal(
      'strip',
      'can only be "strip": nothing that the original carries is published; "rights" adds your own',
    )
    .default('strip'),
  /** What every file says of its owner, in XMP. */
  rights: rights.default({}),
  /** label: every file says in its XMP that a model made it. none is taken only with `--allow-unlabelled`. */
  provenance: z.enum(['label', 'none']).default('label'),
  /** off, warn (the finding stands in the manifest), or fail (the request fails, the original is kept). */
  checks: checks.prefault({}),
  /** The template of the files' names; `--names` wins over it. */
  names: z.string().optional(),
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

const recipeFile = recipeFields.superRefine(({ names, renditions }, context) => {
  const fault = names === undefined ? undefined : namesFault(names, renditions);
  if (fault !== undefined) context.addIssue({ code: 'custom', path: ['names'], message: fault });
});

export type { Rendition, RenditionFormat } from './rendition.ts';

export interface Recipe {
  readonly name: string;
  readonly description: string;
  readonly sources: readonly { readonly url: string; readonly read: string; readonly says: string }[];
  readonly metadata: 'strip';
  readonly rights: Rights;
  readonly provenance: 'label' | 'none';
  readonly checks: Checks;
  /** The template of the files' names; undefined: the default names. */
  readonly names?: string | undefined;
  readonly renditions: readonly Rendition[];
  /** The watermarks that it names, by file name. */
  readonly files: ReadonlyMap<string, Buffer>;
}

/**
 * The recipe that a text holds. `name` is the file's name without its ending, `source` how to call the file in
 * errors. Throws one `UserError` that names the file, every bad field and what is allowed.
 */
export function parseRecipe(
  name: string,
  text: string,
  source: string,
  files: ReadonlyMap<string, Buffer> = new Map(),
): Recipe {
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
  if (parsed.success) return { name, ...parsed.data, files };
  const faults = parsed.error.issues.map(({ path, message }) => `${fieldName(path)}: ${message}`);
  throw new UserError('bad_recipe', `The recipe ${source} needs mending. ${faults.join('. ')}.`);
}

/** The largest watermark that is taken; a worker holds it in memory. */
const MAX_WATERMARK_BYTES = 4_194_304;

/** One recipe's file, and the watermarks beside it. Throws one `UserError` that says what to mend. */
export async function loadRecipe(path: string): Promise<Recipe> {
  const name = basename(path).replace(/\.json$/, '');
  const recipe = parseRecipe(name, (await readBeside(path, path)).toString('utf8'), path);
  const files = new Map<string, Buffer>();
  for (const { watermark } of recipe.renditions) {
    if (watermark === undefined || files.has(watermark.image)) continue;
    const file = join(dirname(path), watermark.image);
    const bytes = await readBeside(file, path);
    const structure = structureOf(bytes);
    if (structure.kind === 'broken') {
      throw new UserError(
        'bad_recipe',
        `The watermark ${file} ${structure.why}; put a whole jpeg, png or webp there.`,
      );
    }
    files.set(watermark.image, bytes);
  }
  return { ...recipe, files };
}

async function readBeside(file: string, recipe: string): Promise<Buffer> {
  try {
    return await readRegularFile(file, MAX_WATERMARK_BYTES);
  } catch (cause) {
    const [code = messageOf(cause)] = errorCodes(cause);
    if (code === FILE_TOO_LARGE) {
      throw new UserError(
        'bad_recipe',
        `The file ${file} has more than ${MAX_WATERMARK_BYTES / 1_048_576} MiB; a recipe or a watermark has less.`,
        { cause },
      );
    }
    const what =
      file === recipe ? `The recipe ${recipe}` : `The file ${file}, which the recipe ${recipe} names,`;
    throw new UserError('bad_recipe', `${what} cannot be read (${code}); check its path.`, { cause });
  }
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
    const recipe = await loadRecipe(join(folder, file));
    recipes.set(recipe.name, recipe);
  }
  if (recipes.size === 0) {
    throw new UserError('no_recipes', `The folder of recipes ${folder} holds no .json file.`);
  }
  return recipes;
}

/** The recipes that ship with the program: `recipes/` at the package's root, from `src/` and `dist/` alike. */
export function shippedRecipesFolder(): string {
  return join(projectRoot(), 'recipes');
}

/** `renditions[2].fit` */
function fieldName(path: readonly PropertyKey[]): string {
  if (path.length === 0) return 'the file';
  return path
    .map((part, at) => (typeof part === 'number' ? `[${part}]` : `${at === 0 ? '' : '.'}${String(part)}`))
    .join('');
}

import { createHash } from 'node:crypto';
import { z } from 'zod';
import { MalformedError } from '../base/errors.ts';
import { optional } from '../base/time.ts';
import { objectKeys } from '../store/keys.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { parseRecipe, type Recipe } from './recipes.ts';

/**
 * A recipe of a person's own is told by its content: workers on other machines do not have the file, and a file may
 * change while a batch runs. Its name in the plan is `<name>@<hash>`; the store holds it, with its watermarks.
 */
const stored = z.object({
  name: z.string(),
  recipe: z.string(),
  /** Watermarks by file name, base64. */
  files: z.record(z.string(), z.string()),
});

export interface OwnRecipe {
  /** What the plan's rows say. */
  readonly planned: string;
  readonly recipe: Recipe;
  readonly bytes: Buffer;
}

/** The same content is the same recipe, wherever the file lies. */
export function ownRecipe(recipe: Recipe): OwnRecipe {
  const { name, files, ...content } = recipe;
  const packed: z.infer<typeof stored> = {
    name,
    recipe: JSON.stringify(content),
    files: Object.fromEntries([...files].map(([file, bytes]) => [file, bytes.toString('base64')])),
  };
  const bytes = Buffer.from(JSON.stringify(packed));
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 12);
  return { planned: `${name}@${hash}`, recipe, bytes };
}

export async function storeRecipe(
  store: ObjectStore,
  { planned, bytes }: OwnRecipe,
  signal?: AbortSignal,
): Promise<void> {
  await store.putOnce(objectKeys.recipe(planned), bytes, {
    contentType: 'application/json',
    ...optional(signal),
  });
}

/** undefined where the store does not hold it, or the name is none of a stored recipe. */
export async function readStoredRecipe(
  store: ObjectStore,
  planned: string,
  signal?: AbortSignal,
): Promise<Recipe | undefined> {
  if (!planned.includes('@')) return undefined;
  const key = objectKeys.recipe(planned);
  const object = await store.get(key, signal);
  if (object === undefined) return undefined;
  return unpackRecipe(object.body, `${key} in the store`);
}

/** A recipe as `ownRecipe` packs it. Throws a `MalformedError` that names `what` where it is none. */
export function unpackRecipe(bytes: Buffer, what: string): Recipe {
  const parsed = stored.safeParse(parseJson(bytes));
  if (!parsed.success) throw new MalformedError(`${what} is no recipe.`, { cause: parsed.error });
  const { name, recipe, files } = parsed.data;
  return parseRecipe(
    name,
    recipe,
    what,
    new Map(Object.entries(files).map(([file, text]) => [file, Buffer.from(text, 'base64')])),
  );
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

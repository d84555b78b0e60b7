import { resolve as resolvePath } from 'node:path';
import { UserError } from '../shared/base/errors.ts';
import { loadRecipe, loadRecipes, type Recipe, shippedRecipesFolder } from '../shared/pictures/recipes.ts';
import { type OwnRecipe, ownRecipe } from '../shared/pictures/stored.ts';

export interface RecipeArguments {
  /** The name of a recipe that ships, or the path of a file. */
  readonly recipe?: string;
  readonly allowUnlabelled?: true;
  /** In place of a file. */
  readonly resolved?: { readonly recipe?: Recipe };
}

export interface RecipeChoice {
  /** What a row may name. */
  readonly names: ReadonlySet<string>;
  /** These, by the same names. */
  readonly recipes: ReadonlyMap<string, Recipe>;
  /** What `--recipe` comes to in the plan. */
  readonly planned: string | undefined;
  /** To be stored before anything is queued: workers do not have the file. */
  readonly own: OwnRecipe | undefined;
}

/** Throws a `UserError` where the file is no recipe, or would leave pictures unlabelled without a word. */
export async function chooseRecipes(
  { recipe, allowUnlabelled, resolved }: RecipeArguments,
  cwd: string,
): Promise<RecipeChoice> {
  const shipped = await loadRecipes(shippedRecipesFolder());
  const allowed = (one: Recipe) => one.provenance === 'label' || allowUnlabelled === true;
  const recipes = new Map([...shipped].filter(([, one]) => allowed(one)));
  const names = new Set(recipes.keys());
  const given =
    resolved?.recipe ??
    (recipe !== undefined && isPath(recipe) ? await loadRecipe(resolvePath(cwd, recipe)) : undefined);
  const chosen = given ?? (recipe === undefined ? undefined : shipped.get(recipe));
  if (chosen !== undefined && !allowed(chosen)) {
    throw new UserError(
      'unlabelled',
      `The recipe ${chosen.name} leaves out the label that a model made the pictures: set its "provenance" to "label", or add --allow-unlabelled.`,
    );
  }
  if (given === undefined) return { names, recipes, planned: recipe, own: undefined };
  const own = ownRecipe(given);
  recipes.set(own.planned, given);
  return { names: names.add(own.planned), recipes, planned: own.planned, own };
}

export function isPath(recipe: string): boolean {
  return /[\\/]/.test(recipe) || recipe.endsWith('.json');
}

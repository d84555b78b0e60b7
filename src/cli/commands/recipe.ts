import { resolve } from 'node:path';
import { isPath } from '../../operations/recipe-choice.ts';
import { UserError } from '../../shared/base/errors.ts';
import { nearest } from '../../shared/base/nearest.ts';
import { sizeWordsNote } from '../../shared/pictures/file-names.ts';
import { loadRecipe, loadRecipes, type Recipe, shippedRecipesFolder } from '../../shared/pictures/recipes.ts';
import { type Context, EXIT, type Exit, printJson, printText } from '../context.ts';
import { recipeWords } from '../output/recipe.ts';
import { left, right, tableOf } from '../output/tables.ts';

export interface RecipeCommandArguments {
  readonly json?: true;
}

export async function recipeListCommand(
  context: Context,
  { json: asJson }: RecipeCommandArguments,
): Promise<Exit> {
  const recipes = [...(await loadRecipes(shippedRecipesFolder())).values()];
  if (asJson === true) {
    printJson(
      context,
      recipes.map(({ name, description, renditions }) => ({
        name,
        description,
        renditions: renditions.length,
      })),
    );
    return EXIT.ok;
  }
  const rows = recipes.map(({ name, renditions, description }) => [
    name,
    String(renditions.length),
    description,
  ]);
  const columns = [left('recipe'), right('files'), left('')];
  printText(context, tableOf(columns, rows));
  return EXIT.ok;
}

export async function recipeCheckCommand(
  context: Context,
  name: string,
  { json: asJson }: RecipeCommandArguments,
): Promise<Exit> {
  const recipe = isPath(name) ? await loadRecipe(resolve(context.cwd, name)) : await shippedRecipe(name);
  if (asJson === true) {
    const { files, ...content } = recipe;
    printJson(context, { ...content, files: [...files.keys()] });
    return EXIT.ok;
  }
  const sizes = recipe.names === undefined ? undefined : sizeWordsNote(recipe.names, recipe.renditions);
  const sources = recipe.sources.map(({ url, read, says }) => `  ${says} (${url}, read ${read})`);
  printText(
    context,
    [
      `${recipe.name}: ${recipe.description}`,
      ...recipeWords(recipe).map((line) => `  ${line}`),
      ...(sizes === undefined ? [] : [`  note: ${sizes}`]),
      ...(sources.length === 0 ? [] : ['Its numbers come from:', ...sources]),
    ].join('\n'),
  );
  return EXIT.ok;
}

async function shippedRecipe(name: string): Promise<Recipe> {
  const recipes = await loadRecipes(shippedRecipesFolder());
  const recipe = recipes.get(name);
  if (recipe !== undefined) return recipe;
  const near = nearest(name, [...recipes.keys()]);
  const hint = near === undefined ? `there are ${[...recipes.keys()].join(', ')}` : `did you mean ${near}?`;
  throw new UserError(
    'unknown_recipe',
    `No recipe ${name} ships: ${hint} A file of your own is named by its path, such as ./${name}.json.`,
  );
}

import { tmpdir } from 'node:os';
import { openStack } from '../../app/connections.ts';
import { openShop } from '../../app/open-services.ts';
import { worksHere } from '../../app/works-here.ts';
import { chooseRecipes, type RecipeArguments } from '../../operations/recipe-choice.ts';
import { planRerender } from '../../operations/rerender.ts';
import { enqueue } from '../../producer/enqueue.ts';
import { createMade } from '../../producer/plan/existing.ts';
import { createNameJudge } from '../../producer/shots/file-names.ts';
import { UserError } from '../../shared/base/errors.ts';
import { count } from '../../shared/base/text.ts';
import { systemClock } from '../../shared/base/time.ts';
import { compileNames } from '../../shared/pictures/file-names.ts';
import { storeRecipe } from '../../shared/pictures/stored.ts';
import { createTakesOfPlan, Takes } from '../../shared/takes/takes.ts';
import { type Context, configOf, EXIT, type Exit, openLog, printJson, say } from '../context.ts';
import { type OperatorArguments, stackOptions, unknownBatch } from '../open.ts';
import { EXIT_OF, endSentence } from '../output/end.ts';
import { lookAt, workUntilItEnds } from './run.ts';

export interface RerenderArguments extends OperatorArguments, RecipeArguments {
  /** The template of the files' names. */
  readonly names?: string;
}

export async function rerenderCommand(
  context: Context,
  batch: string,
  args: RerenderArguments,
): Promise<Exit> {
  const { signal, cwd } = context;
  const config = configOf(context);
  const recipes = await chooseRecipes(args, cwd);
  const { planned } = recipes;
  const chosen = recipes.recipes.get(planned ?? '');
  if (planned === undefined || chosen === undefined) {
    throw new UserError(
      'unknown_recipe',
      `There is no recipe ${args.recipe}: it is one of ${[...recipes.names].join(', ')}, or the path of a file such as ./${args.recipe}.json.`,
    );
  }
  assertNames(args);
  await using stack = await openStack(stackOptions(context, args, config, 'needed'));
  const log = openLog(context, config, { detail: 'quiet', secrets: stack.secrets });
  await using shop = await openShop(stack, config, log);
  const { store, journal, batches, queues } = shop;
  const head = await journal.readHead(batch, signal);
  if (head === undefined) {
    throw await unknownBatch(context, args, batch, { store, journal, known: await batches.list() });
  }
  const takes = await Takes.load({ store, journal, signal });
  await using plan = await planRerender(head, planned, {
    journal,
    made: (await createMade(store, signal)).made,
    takes: createTakesOfPlan(takes, store, signal),
    judgeNames: (before) =>
      createNameJudge({
        names: args.names ?? (chosen.names === undefined ? before : undefined),
        recipes: new Map([[planned, chosen]]),
        place: (line) => `row ${line - 1}`,
      }),
    spoolFolder: tmpdir(),
    signal,
  });
  const { images, shots } = plan.totals;
  say(context, `${count(images, 'picture')} of ${count(shots, 'shot')} into ${planned}, $0.00`);
  const works = worksHere(stack, config, args);
  if (works) for (const warning of await lookAt(context, shop, stack)) say(context, `warning: ${warning}`);
  await shop.memory.open(signal);
  if (recipes.own !== undefined) await storeRecipe(store, recipes.own, signal);
  const { outcome } = await enqueue(
    plan,
    {
      batch: plan.batchId,
      listName: `${head.listName}, ${planned}`,
      priority: head.priority,
      cap: undefined,
      simulated: stack.simulated,
      renderOf: batch,
      signal,
    },
    { ...shop, add: queues.add.bind(queues), clock: systemClock },
  );
  let exit: Exit = EXIT.ok;
  if (outcome === 'ended') say(context, `${plan.batchId} was made before: nothing is left to do.`);
  else if (works) {
    const { status, end } = await workUntilItEnds(context, { shop, stack, config, log }, plan.batchId);
    exit = EXIT_OF[end];
    say(context, endSentence(status, end));
  } else say(context, `queued as ${plan.batchId}; follow it with: shotlist status ${plan.batchId} --watch`);
  if (exit === EXIT.ok) say(context, `its manifest: shotlist export ${plan.batchId}`);
  if (args.json === true)
    printJson(context, { batch: plan.batchId, renderOf: batch, recipe: planned, shots, images });
  return exit;
}

/** Throws a `UserError` (`bad_option`) before anything is opened. */
function assertNames({ names }: RerenderArguments): void {
  const compiled = names === undefined ? undefined : compileNames(names);
  if (compiled === undefined || !('fault' in compiled)) return;
  throw new UserError('bad_option', `--names: ${compiled.fault}.`);
}

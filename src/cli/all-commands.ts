import { type Command, Option } from 'commander';
import { ROLES } from '../shared/base/choices.ts';
import { defaultRegistry } from '../shared/models/registry.ts';
import { addScheduleCommands } from './commands/schedule.ts';
import type { WorkerArguments } from './commands/worker.ts';
import type { Context, Exit } from './context.ts';
import { addListArguments } from './options/list.ts';
import { since } from './options/since.ts';
import { concurrency, roles, usd, wholeNumber } from './options/values.ts';
import { addOperatorCommands } from './program.ts';

/** Adds every command, in the order of the help. `done` is told what each came to. */
export function addAllCommands(cli: Command, context: Context, done: (exit: Exit) => void): void {
  const registry = defaultRegistry();
  addListArguments(
    cli.command('run').description('make the pictures of a list: enqueue, work and watch until it ends'),
    registry,
    context.clock(),
  )
    .addOption(json())
    .addHelpText(
      'after',
      '\nExamples:\n  shotlist run catalog.csv --simulate\n  shotlist run catalog.csv --dry-run --fit 20\n  shotlist run catalog.csv --cap 20\n  shotlist run --prompt "A red mug on oak" --variants 4',
    )
    .action(async (list, args) => {
      const { runCommand } = await import('./commands/run.ts');
      done(await runCommand(context, list, args));
    });
  addListArguments(
    cli.command('enqueue').description('queue a list; workers make the pictures'),
    registry,
    context.clock(),
  )
    .option('--watch', 'follow it until it ends')
    .addOption(json())
    .action(async (list, args) => {
      const { enqueueCommand } = await import('./commands/enqueue.ts');
      done(await enqueueCommand(context, list, args));
    });
  addWorkerCommand(cli, context, done);
  addOperatorCommands(cli, context, done);
  addRedoCommand(cli, context, done);
  addRebuildCommand(cli, context, done);
  addDoctorCommand(cli, context, done);
  addUnknownCommands(cli, context, done);
  addRerenderCommand(cli, context, done);
  addRecipeCommands(cli, context, done);
  addReconcileCommand(cli, context, done);
  addScheduleCommands(cli, { context, registry, done });
}

/** Adds `worker`. `done` is told what it came to. */
function addWorkerCommand(cli: Command, context: Context, done: (exit: Exit) => void): void {
  cli
    .command('worker')
    .description('make the pictures of what is queued, until SIGTERM')
    .addOption(
      new Option('--roles <list>', `what it does, separated by commas: ${ROLES.join(', ')}`)
        .argParser(roles)
        .default(new Set(ROLES), 'all'),
    )
    .addOption(
      new Option(
        '--concurrency <n>',
        'requests at fal at once, over all workers (instead of FAL_CONCURRENCY)',
      ).argParser(concurrency),
    )
    .option('--simulate', "work on what was queued with --simulate, in this folder's .shotlist")
    .addHelpText(
      'after',
      '\nIt must be told where Redis and the bucket are: REDIS_URL and S3_BUCKET. HEALTH_PORT answers /livez and /readyz.\n\nExamples:\n  shotlist worker\n  shotlist worker --roles render\n  shotlist worker --concurrency 10',
    )
    .action(async (args: WorkerArguments) => {
      const { workerCommand } = await import('./commands/worker.ts');
      done(await workerCommand(context, args));
    });
}

function addRedoCommand(cli: Command, context: Context, done: (exit: Exit) => void): void {
  cli
    .command('redo')
    .description('make delivered pictures again, after saying what that costs; or pick an earlier take')
    .argument('<batch>', 'the batch that they were delivered in')
    .requiredOption('--shot <ids>', 'the shots, with commas between their ids')
    .addOption(
      new Option('--index <n>', 'one picture of each, as numbered in the manifest, from 0').argParser(
        wholeNumber,
      ),
    )
    .option(
      '--prompt <text>',
      'other words for this take, over the columns of the list: "{{title}} on slate"',
    )
    .addOption(
      new Option('--pick <take>', 'make this take count again, for nothing; 0 is the first').argParser(
        wholeNumber,
      ),
    )
    .addOption(new Option('--cap <usd>', 'never spend more than this on the take').argParser(usd))
    .option('--yes', 'do not ask before spending more than CONFIRM_OVER_USD')
    .addOption(new Option('--json', 'print the result as one JSON document on standard output'))
    .option('--simulate', 'on simulated work, which has a Redis and a store of its own')
    .addHelpText(
      'after',
      '\nThe take is a batch of its own; once it is delivered it counts, here and in later lists. Nothing is overwritten.\n\nExamples:\n  shotlist redo spring-1a2b3c4d --shot MUG-1,MUG-2\n  shotlist redo spring-1a2b3c4d --shot MUG-1 --index 2 --prompt "A stoneware mug on slate"\n  shotlist redo spring-1a2b3c4d --shot MUG-1 --pick 0',
    )
    .action(async (batch, args) => {
      const { redoCommand } = await import('./commands/redo.ts');
      done(await redoCommand(context, batch, args));
    });
}

/** Adds `rebuild`. `done` is told what it came to. */
function addRebuildCommand(cli: Command, context: Context, done: (exit: Exit) => void): void {
  cli
    .command('rebuild')
    .description('restore what Redis lost from the store: batches, requests, money, the queue')
    .argument('[batch]', 'in a Redis that has lost nothing else, this batch alone; without it, everything')
    .addOption(new Option('--json', 'print the result as one JSON document on standard output'))
    .option('--simulate', 'look at simulated work, which has a Redis and a store of its own')
    .option('--yes', 'also where Redis holds requests that are under way: they are read from the store anew')
    .addHelpText(
      'after',
      '\nNothing is paid by it, and it may be run again at any time, also where it broke off.\n\nExamples:\n  shotlist rebuild\n  shotlist rebuild spring-1a2b3c4d',
    )
    .action(async (batch, args) => {
      const { rebuildCommand } = await import('./commands/rebuild.ts');
      done(await rebuildCommand(context, batch, args));
    });
}

/** Adds `doctor`. `done` is told what it came to. */
function addDoctorCommand(cli: Command, context: Context, done: (exit: Exit) => void): void {
  cli
    .command('doctor')
    .description('look at all that the work stands on, and say what is wrong and how to mend it')
    .addOption(new Option('--json', 'print the result as one JSON document on standard output'))
    .option('--simulate', 'look at what simulated work stands on')
    .addHelpText(
      'after',
      '\nIt submits nothing and costs nothing. Exit code 1 where there is a fault; warnings leave it at 0.\n\nExamples:\n  shotlist doctor\n  shotlist doctor --json',
    )
    .action(async (args) => {
      const { doctorCommand } = await import('./commands/doctor.ts');
      done(await doctorCommand(context, args));
    });
}

/** Adds `unknown list|adopt|absent`. `done` is told what each came to. */
function addUnknownCommands(cli: Command, context: Context, done: (exit: Exit) => void): void {
  const unknown = cli
    .command('unknown')
    .description(
      "requests whose answer from fal was lost: list them, and decide what a worker can't find out",
    );
  common(unknown.command('list').description('say which requests are unknown, and what to do about each'))
    .argument('[batch]', 'the batch; without it, of all')
    .addHelpText(
      'after',
      '\nExamples:\n  shotlist unknown list\n  shotlist unknown list spring-1a2b3c4d --json',
    )
    .action(async (batch, args) => {
      const { unknownListCommand } = await import('./commands/unknown.ts');
      done(await unknownListCommand(context, batch, args));
    });
  common(unknown.command('adopt').description("say that a request of fal's is this one"))
    .argument('<request>', 'as `unknown list` names it')
    .argument('<fal-id>', "the request's id at fal, from its dashboard")
    .addHelpText(
      'after',
      '\nExample:\n  shotlist unknown adopt spring-1a2b3c4d.7.0 98bdce97-7910-4a2b-9f3e-2d1c',
    )
    .action(async (request, id, args) => {
      const { unknownAdoptCommand } = await import('./commands/unknown.ts');
      done(await unknownAdoptCommand(context, request, id, args));
    });
  common(
    unknown.command('absent').description('say that it never arrived at fal, so that it is submitted again'),
  )
    .argument('<request>', 'as `unknown list` names it')
    .option('--yes', 'it is certain: fal neither ran it nor will')
    .addHelpText('after', '\nExample:\n  shotlist unknown absent spring-1a2b3c4d.7.0 --yes')
    .action(async (request, args) => {
      const { unknownAbsentCommand } = await import('./commands/unknown.ts');
      done(await unknownAbsentCommand(context, request, args));
    });
}

/** Adds `rerender BATCH`. `done` is told what it came to. */
function addRerenderCommand(cli: Command, context: Context, done: (exit: Exit) => void): void {
  cli
    .command('rerender')
    .description('make other renditions of the pictures of a batch; nothing is asked of fal, nothing is paid')
    .argument('<batch>', 'the batch whose pictures are stored')
    .requiredOption('--recipe <name>', 'the renditions to make: a name, or the path of a .json file')
    .option('--allow-unlabelled', 'take a recipe whose pictures do not say that a model made them')
    .option(
      '--names <template>',
      'what the files are called (default: the recipe\'s names, else as in the batch): "{{sku}}-{{rendition}}.{{ext}}"',
    )
    .addOption(new Option('--json', 'print the result as one JSON document on standard output'))
    .option('--simulate', 'on simulated work, which has a Redis and a store of its own')
    .addHelpText(
      'after',
      '\nThe renditions are a batch of their own, with a manifest of its own; the old ones stay.\n\nExamples:\n  shotlist rerender spring-1a2b3c4d --recipe amazon-main\n  shotlist rerender spring-1a2b3c4d --recipe ./newsletter.json',
    )
    .action(async (batch, args) => {
      const { rerenderCommand } = await import('./commands/rerender.ts');
      done(await rerenderCommand(context, batch, args));
    });
}

/** Adds `recipe list|check`. `done` is told what each came to. */
function addRecipeCommands(cli: Command, context: Context, done: (exit: Exit) => void): void {
  const recipe = cli
    .command('recipe')
    .description('the renditions to make: which recipes there are, and what one does');
  recipe
    .command('list')
    .description('the recipes that ship')
    .addOption(json())
    .action(async (args) => {
      const { recipeListCommand } = await import('./commands/recipe.ts');
      done(await recipeListCommand(context, args));
    });
  recipe
    .command('check')
    .description('say what a recipe makes, or what is wrong with it')
    .argument('<recipe>', 'the name of one that ships, or the path of a .json file')
    .addOption(json())
    .addHelpText(
      'after',
      '\nExamples:\n  shotlist recipe check amazon-main\n  shotlist recipe check ./newsletter.json',
    )
    .action(async (name, args) => {
      const { recipeCheckCommand } = await import('./commands/recipe.ts');
      done(await recipeCheckCommand(context, name, args));
    });
}

/** Adds `reconcile`. `done` is told what it came to. */
function addReconcileCommand(cli: Command, context: Context, done: (exit: Exit) => void): void {
  cli
    .command('reconcile')
    .description("compare the ledger with fal's bill, request by request, and correct it")
    .addOption(
      new Option('--since <when>', 'a day such as 2026-11-01, or how long back: 24h, 7d')
        .argParser(since)
        .default(since('7d'), '7d'),
    )
    .addOption(new Option('--json', 'print the result as one JSON document on standard output'))
    .option('--simulate', 'look at simulated work, which has a Redis and a store of its own')
    .addHelpText(
      'after',
      '\nIt needs FAL_ADMIN_KEY, a key of admin scope. Run it daily.\n\nExamples:\n  shotlist reconcile\n  shotlist reconcile --since 24h --json\n  shotlist reconcile --since 2026-11-01',
    )
    .action(async (args) => {
      const { reconcileCommand } = await import('./commands/reconcile.ts');
      done(await reconcileCommand(context, args));
    });
}

function common(command: Command): Command {
  return command
    .addOption(new Option('--json', 'print the result as one JSON document on standard output'))
    .option('--simulate', 'look at simulated work, which has a Redis and a store of its own');
}

function json(): Option {
  return new Option('--json', 'print the result as one JSON document on standard output');
}

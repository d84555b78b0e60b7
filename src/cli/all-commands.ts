import { type Command, Option } from 'commander';
import { defaultRegistry } from '../shared/models/registry.ts';
import { addDoctorCommand } from './commands/doctor.ts';
import { enqueueCommand } from './commands/enqueue.ts';
import { addRebuildCommand } from './commands/rebuild.ts';
import { addRecipeCommands } from './commands/recipe.ts';
import { addReconcileCommand } from './commands/reconcile.ts';
import { addRedoCommand } from './commands/redo.ts';
import { addRerenderCommand } from './commands/rerender.ts';
import { runCommand } from './commands/run.ts';
import { addScheduleCommands } from './commands/schedule.ts';
import { addUnknownCommands } from './commands/unknown.ts';
import { addWorkerCommand } from './commands/worker.ts';
import type { Context, Exit } from './context.ts';
import { addListArguments } from './options/list.ts';
import { addOperatorCommands } from './program.ts';

/** Adds every command, in the order of the help. `done` is told what each came to. */
export function addAllCommands(cli: Command, context: Context, done: (exit: Exit) => void): void {
  const registry = defaultRegistry();
  const json = () => new Option('--json', 'print the result as one JSON document on standard output');

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

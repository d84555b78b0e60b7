#!/usr/bin/env node
import { Command, CommanderError, Option } from 'commander';
import { messageOf, UnavailableError, UserError } from '../shared/errors.ts';
import { defaultRegistry } from '../shared/models/registry.ts';
import { type Context, cleaned, EXIT, type Exit, say } from './context.ts';
import { addDoctorCommand } from './doctor-command.ts';
import { enqueueCommand } from './enqueue-command.ts';
import { addListArguments } from './list-arguments.ts';
import { addOperatorCommands } from './operator-commands.ts';
import { addRebuildCommand } from './rebuild-command.ts';
import { addRecipeCommands } from './recipe-command.ts';
import { addReconcileCommand } from './reconcile-command.ts';
import { addRedoCommand } from './redo-command.ts';
import { addRerenderCommand } from './rerender-command.ts';
import { runCommand } from './run-command.ts';
import { addScheduleCommands } from './schedule-command.ts';
import { addUnknownCommands } from './unknown-command.ts';
import { addWorkerCommand } from './worker-command.ts';

// The SDK warns on Node 20, which this program supports for as long as its parts do.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';

/** Whatever hangs (a Redis that is away, a store that does not answer), the process ends within this of a signal. */
const STOP_WITHIN_MS = 1_900;

/** Timers of a worker that was given up go on for some seconds. */
const LEFT_OVER_MS = 500;

const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // The first one parks what is in hand; the second is meant.
    if (stopping.signal.aborted) process.exit(EXIT.interrupted);
    stopping.abort(new Error(signal));
    // Nothing is lost by it: what was not parked is found stalled, as after a crash.
    setTimeout(() => process.exit(EXIT.interrupted), STOP_WITHIN_MS).unref();
  });
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A reader that has seen enough (`| head`) is no fault.
  if (error.code !== 'EPIPE') throw error;
});

const context: Context = {
  environment: process.env,
  cwd: process.cwd(),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: stopping.signal,
};

let exit: Exit = EXIT.ok;

function program(): Command {
  const registry = defaultRegistry();
  const cli = new Command('shotlist')
    .description('Turns a catalog list into finished product pictures, and accounts for every cent.')
    .showHelpAfterError('(add --help for what can be given)')
    .exitOverride();
  const json = () => new Option('--json', 'print the result as one JSON document on standard output');

  addListArguments(
    cli.command('run').description('make the pictures of a list: enqueue, work and watch until it ends'),
    registry,
  )
    .addOption(json())
    .addHelpText(
      'after',
      '\nExamples:\n  shotlist run catalog.csv --simulate\n  shotlist run catalog.csv --dry-run --fit 20\n  shotlist run catalog.csv --cap 20\n  shotlist run --prompt "A red mug on oak" --variants 4',
    )
    .action(async (list, args) => {
      exit = await runCommand(context, list, args);
    });
  addListArguments(cli.command('enqueue').description('queue a list; workers make the pictures'), registry)
    .option('--watch', 'follow it until it ends')
    .addOption(json())
    .action(async (list, args) => {
      exit = await enqueueCommand(context, list, args);
    });
  addWorkerCommand(cli, context, (came) => {
    exit = came;
  });
  addOperatorCommands(cli, context, (came) => {
    exit = came;
  });
  addRedoCommand(cli, context, (came) => {
    exit = came;
  });
  addRebuildCommand(cli, context, (came) => {
    exit = came;
  });
  addDoctorCommand(cli, context, (came) => {
    exit = came;
  });
  addUnknownCommands(cli, context, (came) => {
    exit = came;
  });
  addRerenderCommand(cli, context, (came) => {
    exit = came;
  });
  addRecipeCommands(cli, context, (came) => {
    exit = came;
  });
  addReconcileCommand(cli, context, (came) => {
    exit = came;
  });
  addScheduleCommands(cli, {
    context,
    registry,
    done: (came) => {
      exit = came;
    },
  });
  return cli;
}

try {
  await program().parseAsync(process.argv);
} catch (error) {
  exit = exitOf(error);
}
// Sockets and children are closed by those who opened them; what is left (after a lost Redis, say) must not hang a script.
process.exitCode = exit;
setTimeout(() => process.exit(exit), LEFT_OVER_MS).unref();

function exitOf(error: unknown): Exit {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.couldNot;
  if (stopping.signal.aborted) return EXIT.interrupted;
  const expected = error instanceof UserError || error instanceof UnavailableError;
  const text = expected ? messageOf(error) : `${messageOf(error)} (this is a fault of shotlist)`;
  say(context, cleaned(context, text));
  if (!expected && process.env['LOG_LEVEL'] === 'debug' && error instanceof Error) {
    say(context, cleaned(context, error.stack ?? ''));
  }
  return EXIT.couldNot;
}

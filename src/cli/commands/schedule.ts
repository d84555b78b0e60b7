import { type Command, Option } from 'commander';
import { OVERLAPS } from '../../shared/base/choices.ts';
import type { Registry } from '../../shared/models/registry.ts';
import type { Context, Exit } from '../context.ts';
import { addListArguments } from '../options/list.ts';
import { UNFIT } from '../options/unfit.ts';

export interface ScheduleCommandDeps {
  readonly context: Context;
  readonly registry: Registry;
  /** Is told what a command came to. */
  readonly done: (exit: Exit) => void;
}

/** Adds `schedule add|list|run|pause|resume|remove`. */
export function addScheduleCommands(cli: Command, { context, registry, done }: ScheduleCommandDeps): void {
  const schedule = cli
    .command('schedule')
    .description('run a list each night, or every so many hours: a worker with the role schedule does it');

  const add = addListArguments(
    schedule
      .command('add')
      .description('run a list whenever it is due, each time read anew')
      .argument(
        '<name>',
        'what it is called; each run is a batch named NAME-20261124T0100Z, by its due time in UTC',
      ),
    registry,
    context.clock(),
  );
  for (const option of add.options) if (option.attributeName() in UNFIT) option.hideHelp();
  add
    .addOption(new Option('--cron <cron>', 'when it is due: "minute hour day month weekday"'))
    .addOption(new Option('--tz <zone>', "whose clock the cron is read on (default: this machine's)"))
    .addOption(new Option('--every <time>', 'instead: every so often from now on, such as 30m, 6h or 1d'))
    .addOption(
      new Option('--overlap <how>', 'what to do while the run before has not ended')
        .choices(OVERLAPS)
        .default('skip'),
    )
    .addOption(json())
    .addHelpText('after', ADD_HELP)
    .action(async (name, list, args) => {
      const { scheduleAddCommand } = await import('./schedule-add.ts');
      done(await scheduleAddCommand(context, name, list, args));
    });

  common(schedule.command('list').description('say when each schedule is due, and how its last run went'))
    .addHelpText('after', '\nExamples:\n  shotlist schedule list\n  shotlist schedule list --json')
    .action(async (args) => {
      const { scheduleListCommand } = await import('./schedule-actions.ts');
      done(await scheduleListCommand(context, args));
    });

  const named = (word: string, description: string, more: string) =>
    common(schedule.command(word).description(description))
      .argument('<name>', 'the schedule')
      .addHelpText('after', `\n${more}\n\nExample:\n  shotlist schedule ${word} nightly`);
  named(
    'run',
    'run a schedule now, besides its due times',
    'It needs no worker for that, only to make the pictures. Also of a paused schedule, and while the run before goes on.',
  ).action(async (name, args) => {
    const { scheduleRunCommand } = await import('./schedule-actions.ts');
    done(await scheduleRunCommand(context, name, args));
  });
  named(
    'pause',
    'let a schedule rest',
    'What it has queued goes on (shotlist pause BATCH). What falls due until it is resumed is not caught up.',
  ).action(async (name, args) => {
    const { schedulePauseCommand } = await import('./schedule-actions.ts');
    done(await schedulePauseCommand(context, name, args));
  });
  named('resume', 'let a paused schedule go on', 'It is due from now on.').action(async (name, args) => {
    const { scheduleResumeCommand } = await import('./schedule-actions.ts');
    done(await scheduleResumeCommand(context, name, args));
  });
  named(
    'remove',
    'end a schedule',
    'What it has queued goes on (shotlist cancel BATCH). The store keeps what its runs came to.',
  ).action(async (name, args) => {
    const { scheduleRemoveCommand } = await import('./schedule-actions.ts');
    done(await scheduleRemoveCommand(context, name, args));
  });
}

const ADD_HELP = `
Each run is a batch with the given cap; pictures that exist already are not paid for again. --cap is asked
for, since a schedule spends while nobody looks (or --yes, for no limit). A run that was missed is caught up
once. The same name again replaces the schedule; the same again changes nothing.

Examples:
  shotlist schedule add nightly /lists/catalog.csv --cron "0 2 * * *" --tz Europe/Berlin --cap 20
  shotlist schedule add stock s3://shop/stock.csv --every 6h --overlap queue --cap 5 --quality high`;

function common(command: Command): Command {
  return command
    .addOption(json())
    .option('--simulate', 'look at simulated work, which has a Redis and a store of its own');
}

function json(): Option {
  return new Option('--json', 'print the result as one JSON document on standard output');
}

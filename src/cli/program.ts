import { type Command, Option } from 'commander';
import { GROUPINGS, PRESET_NAMES } from '../shared/base/choices.ts';
import type { Context, Exit } from './context.ts';
import { day, presignTtl, usd } from './options/values.ts';

/**
 * Adds the commands that look at batches and steer them. `done` is told what each came to. What is imported in here only as a
 * command runs is what the others would wait for.
 */
export function addOperatorCommands(cli: Command, context: Context, done: (exit: Exit) => void): void {
  common(cli.command('status').description('say how a batch stands, or all of them'))
    .argument('[batch]', 'the batch; without it, all that Redis knows, newest first')
    .option('--watch', 'follow the batch to its end; exit code 2 when some failed, 3 when it is held')
    .addHelpText(
      'after',
      '\nExamples:\n  shotlist status\n  shotlist status spring-1a2b3c4d --watch\n  shotlist status spring-1a2b3c4d --json',
    )
    .action(async (batch, args) => {
      const { statusCommand } = await import('./commands/status.ts');
      done(await statusCommand(context, batch, args));
    });

  ranged(common(cli.command('costs').description('sum up what was paid, from the ledger')))
    .addOption(new Option('--by <group>', 'what a row of the answer is').choices(GROUPINGS).default('batch'))
    .addHelpText(
      'after',
      '\nExamples:\n  shotlist costs\n  shotlist costs --by day --from 2026-11-01\n  shotlist costs --by quality --batch spring-1a2b3c4d --json',
    )
    .action(async (args) => {
      const { costsCommand } = await import('./commands/costs.ts');
      done(await costsCommand(context, args));
    });

  ranged(common(cli.command('ledger').description('print every request that cost money, in order of time')))
    .addOption(format('jsonl is one JSON document a line, --json one array of them all'))
    .addHelpText(
      'after',
      '\nExamples:\n  shotlist ledger --from 2026-11-01 --to 2026-11-30 --format csv > november.csv\n  shotlist ledger --batch spring-1a2b3c4d',
    )
    .action(async (args) => {
      const { ledgerCommand } = await import('./commands/ledger.ts');
      done(await ledgerCommand(context, args));
    });

  common(cli.command('export').description("print a batch's manifest: one line a shot, in the list's order"))
    .argument('<batch>', 'the batch; one that still runs is exported as it stands')
    .addOption(format('jsonl is one JSON document a line, --json one array of them all'))
    .option('--out <file>', 'write to this file instead of standard output')
    .addOption(
      new Option(
        '--presign <time>',
        'with addresses that hand out the pictures to whoever has them, for 1m to 7d',
      ).argParser(presignTtl),
    )
    .addOption(new Option('--preset <importer>', 'as the CSV that this importer reads').choices(PRESET_NAMES))
    .addHelpText(
      'after',
      '\nExamples:\n  shotlist export spring-1a2b3c4d > spring.jsonl\n  shotlist export spring-1a2b3c4d --format csv --out spring.csv\n  shotlist export spring-1a2b3c4d --preset shopify --presign 7d --out products.csv',
    )
    .action(async (batch, args) => {
      const { exportCommand } = await import('./commands/export.ts');
      done(await exportCommand(context, batch, args));
    });

  common(
    cli
      .command('sheet')
      .description("write a batch's contact sheet: one HTML file with its pictures and costs"),
  )
    .argument('<batch>', 'the batch; one that still runs is shown as it stands')
    .option('--out <file>', 'the file to write (default: BATCH-contact-sheet.html in this folder)')
    .option('--png <file>', 'write a picture too, for a mail: the first of each shot, up to 60 shots')
    .addHelpText(
      'after',
      '\nThe file needs nothing else: mail it, or open it without a network.\n\nExample:\n  shotlist sheet spring-1a2b3c4d --out spring.html',
    )
    .action(async (batch, args) => {
      const [{ sheetCommand }, { closeLoaders }] = await Promise.all([
        import('./commands/sheet.ts'),
        import('../worker/render/loaders.ts'),
      ]);
      closeLoaders();
      done(await sheetCommand(context, batch, args));
    });

  common(cli.command('pause').description('submit nothing more, of one batch or of all'))
    .argument('[batch]', 'the batch; without it, all submits of all batches stop')
    .addHelpText(
      'after',
      '\nWhat is at fal already is finished and stored.\n\nExamples:\n  shotlist pause spring-1a2b3c4d\n  shotlist pause',
    )
    .action(async (batch, args) => {
      const { pauseCommand } = await import('./commands/resume.ts');
      done(await pauseCommand(context, batch, args));
    });

  common(cli.command('resume').description('go on with what is paused or held'))
    .argument(
      '[batch]',
      'the batch; without it, the stop of all submits (balance, key, price, pause) is lifted',
    )
    .addOption(
      new Option(
        '--cap <usd>',
        'the new total that the batch may spend, what is spent already included',
      ).argParser(usd),
    )
    .addHelpText(
      'after',
      '\nExamples:\n  shotlist resume spring-1a2b3c4d --cap 40\n  shotlist resume spring-1a2b3c4d\n  shotlist resume',
    )
    .action(async (batch, args) => {
      const { resumeCommand } = await import('./commands/resume.ts');
      done(await resumeCommand(context, batch, args));
    });

  common(cli.command('approve').description('make what waits for the proof of a batch'))
    .argument('<batch>', 'the batch, enqueued with --proof')
    .addHelpText(
      'after',
      '\nSays what the rest will cost by what the proof cost. May be repeated. To drop the rest: shotlist cancel.\n\nExample:\n  shotlist approve spring-1a2b3c4d',
    )
    .action(async (batch, args) => {
      const { approveCommand } = await import('./commands/approve.ts');
      done(await approveCommand(context, batch, args));
    });

  common(cli.command('cancel').description('drop what is left of a batch, for good'))
    .argument('<batch>', 'the batch; it cannot be resumed')
    .addHelpText(
      'after',
      "\nWhat waits costs nothing, here and in fal's queue. What fal has begun is finished, paid and kept.\nMay be repeated.\n\nExample:\n  shotlist cancel spring-1a2b3c4d",
    )
    .action(async (batch, args) => {
      const { cancelCommand } = await import('./commands/cancel.ts');
      done(await cancelCommand(context, batch, args));
    });

  common(cli.command('retry').description('try what failed in a batch again, after saying what it may cost'))
    .argument('<batch>', 'the batch, also one that has ended')
    .option('--code <code>', 'only what failed with this code, such as content_policy_violation')
    .option('--shot <ids>', 'only these shots, with commas between their ids')
    .option('--yes', 'do not ask before spending')
    .option(
      '--pay-again',
      'have pictures made and paid for again that fal was paid for and that cannot be fetched; each is listed',
    )
    .addHelpText(
      'after',
      '\nWhere the originals exist it is free.\n\nExamples:\n  shotlist retry spring-1a2b3c4d\n  shotlist retry spring-1a2b3c4d --code content_policy_violation --shot MUG-1,MUG-2',
    )
    .action(async (batch, args) => {
      const { retryCommand } = await import('./commands/retry.ts');
      done(await retryCommand(context, batch, args));
    });
}

function common(command: Command): Command {
  return command
    .addOption(new Option('--json', 'print the result as one JSON document on standard output'))
    .option('--simulate', 'look at simulated work, which has a Redis and a store of its own');
}

function ranged(command: Command): Command {
  return command
    .option('--batch <id>', 'of this batch alone')
    .addOption(new Option('--from <day>', 'from this day on, such as 2026-11-01').argParser(day))
    .addOption(new Option('--to <day>', 'up to and including this day').argParser(day));
}

function format(meaning: string): Option {
  return new Option('--format <format>', meaning).choices(['jsonl', 'csv']).default('jsonl');
}

import { type Command, InvalidArgumentError, Option } from 'commander';
import type { EnqueueOptions } from '../../operations/enqueue-options.ts';
import { MAX_PROOF_ROWS } from '../../shared/base/choices.ts';
import { MAX_REGENERATIONS } from '../../shared/journal/regeneration.ts';
import { defaultModelOf } from '../../shared/models/default-model.ts';
import type { Registry } from '../../shared/models/registry.ts';
import { DEFAULT_PRIORITY, MAX_PRIORITY } from '../../shared/queues/jobs.ts';
import { usd, webhookUrl } from './values.ts';

/** What `run` and `enqueue` take. */
export interface ListArguments extends EnqueueOptions {
  readonly dryRun?: true;
  readonly yes?: true;
  readonly json?: true;
  readonly watch?: true;
}

function priority(text: string): number {
  const value = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= MAX_PRIORITY) return value;
  throw new InvalidArgumentError(`It must be a whole number from 1 (most urgent) to ${MAX_PRIORITY}.`);
}

function proofSize(text: string): number {
  const size = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (size >= 1 && size <= MAX_PROOF_ROWS) return size;
  throw new InvalidArgumentError(`It must be a whole number of rows from 1 to ${MAX_PROOF_ROWS}.`);
}

function regenerations(text: string): number {
  const most = /^\d$/.test(text) ? Number(text) : 0;
  if (most >= 1 && most <= MAX_REGENERATIONS) return most;
  throw new InvalidArgumentError(`It must be a whole number from 1 to ${MAX_REGENERATIONS}.`);
}

/** Adds the list argument and every option of `enqueue`; the models' inputs bring their own. `nowMs`: wall clock. */
export function addListArguments(command: Command, registry: Registry, nowMs: number): Command {
  const { model: shipped } = defaultModelOf(registry, undefined, nowMs);
  command
    .argument('[list]', 'a .csv or .jsonl file (.gz too), s3://bucket/key, or - for standard input')
    .option('--prompt <text>', 'one picture of this prompt, instead of a list')
    .option(
      '--batch <id>',
      "the batch's id (default: the list's name and a hash of it, so the same list is the same batch)",
    )
    .option(
      '--template <text>',
      'the prompt, from the columns of the list: "Studio photo of {{title}}", or @FILE to read it from a file',
    )
    .option(
      '--model <id>',
      `the model: ${registry.models.map(({ alias }) => alias).join(', ')} (default: DEFAULT_MODEL, else ${shipped.alias})`,
    )
    .option('--variants <n>', 'pictures of each row, 1 to 100 (default: 1)');
  const inputs = registry.models.flatMap((model) => model.inputs);
  for (const flag of new Set(inputs.map((input) => input.flag))) {
    const same = inputs.filter((input) => input.flag === flag);
    const [input] = same;
    if (input === undefined) continue;
    const options = [...new Set(same.flatMap((one) => one.options ?? []))];
    const choices = options.length === 0 ? '' : `: ${options.join(', ')}`;
    const fallback = input.default === undefined ? '' : ` (default: ${input.default})`;
    // A flag that takes no word switches a yes-or-no input on.
    const value = input.type === 'boolean' ? '' : ' <value>';
    command.option(`--${input.flag}${value}`, `${input.description}${choices}${fallback}`);
  }
  return command
    .option(
      '--recipe <name>',
      'the renditions to make: a name, or the path of a .json file (default: catalog)',
    )
    .option('--allow-unlabelled', 'take a recipe whose pictures do not say that a model made them')
    .option(
      '--names <template>',
      'what the files are called, from the columns of the list: "{{sku}}-{{rendition}}.{{ext}}"',
    )
    .addOption(
      new Option(
        '--ignore <column>',
        'leave a column of the list unread; may be given again for another',
      ).argParser((column: string, before: readonly string[] = []) => [...before, column]),
    )
    .addOption(new Option('--cap <usd>', 'never spend more than this on the batch').argParser(usd))
    .addOption(
      new Option('--priority <n>', '1 is the most urgent').argParser(priority).default(DEFAULT_PRIORITY),
    )
    .addOption(
      new Option(
        '--proof <n>',
        'make this many rows first, spread over the options of the list, and hold the others for shotlist approve',
      ).argParser(proofSize),
    )
    .addOption(
      new Option(
        '--regenerate <n>',
        'make a picture that fails a check again, at most so often, with what is left of --cap',
      ).argParser(regenerations),
    )
    .option(
      '--prune',
      'retire what this list no longer has from the exports of the earlier lists of its name; no file is deleted',
    )
    .addOption(
      new Option(
        '--on-done <url>',
        'when the batch has ended, post a webhook there, signed with WEBHOOK_SECRET',
      ).argParser(webhookUrl),
    )
    .option('--dry-run', 'say what it would make and cost, and stop')
    .addOption(
      new Option(
        '--fit <usd>',
        'with --dry-run: the best quality at which all rows together cost no more than this',
      ).argParser(usd),
    )
    .option('--yes', 'do not ask before spending more than CONFIRM_OVER_USD')
    .option('--simulate', 'try it without paying: a simulated fal, with a Redis and a store of its own');
}

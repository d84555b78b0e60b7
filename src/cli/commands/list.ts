import { attributeOf } from '../../producer/shots/options.ts';
import { toUsd } from '../../shared/base/money.ts';
import type { Registry } from '../../shared/models/registry.ts';
import type { ListArguments } from '../options/list.ts';

export type ListCommand = 'run' | 'enqueue';

/**
 * The command that queues the same list with other options, as a shell takes it. `others`: by the command-line option,
 * in place of what the user wrote.
 */
export function commandWith(
  others: Readonly<Record<string, string>>,
  command: ListCommand,
  list: string | undefined,
  args: ListArguments,
  registry: Registry,
): string {
  const words = ['shotlist', command, ...(list === undefined ? [] : [list])];
  const option = (name: string, given: unknown) => {
    if (Object.hasOwn(others, name)) return;
    if (given === true) words.push(`--${name}`);
    else if (given !== undefined) words.push(`--${name}`, String(given));
  };
  for (const name of ['prompt', 'batch', 'template', 'model', 'variants', 'recipe'] as const)
    option(name, args[name]);
  const flags = new Set(registry.models.flatMap(({ inputs }) => inputs.map((input) => input.flag)));
  for (const name of flags) option(name, args[attributeOf(name)]);
  for (const column of args.ignore ?? []) option('ignore', column);
  option('allow-unlabelled', args['allowUnlabelled']);
  option('proof', args.proof);
  option('regenerate', args.regenerate);
  option('prune', args.prune);
  option('on-done', args.onDone);
  option('simulate', args.simulate);
  option('cap', args.cap === undefined ? undefined : toUsd(args.cap));
  for (const [name, value] of Object.entries(others)) words.push(`--${name}`, value);
  return words.map(quoted).join(' ');
}

function quoted(word: string): string {
  return /^[\w./:@=,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

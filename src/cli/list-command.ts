import type { Registry } from '../shared/models/registry.ts';
import { type MicroUsd, toUsd } from '../shared/money.ts';
import { attributeOf, type ListArguments } from './list-arguments.ts';

export interface FittedOption {
  /** The command-line option that is set in place of the person's own. */
  readonly flag: string;
  readonly value: string;
  readonly cap: MicroUsd;
}

/** The command that queues the same list with another option, as a shell takes it. */
export function fittedCommand(
  command: 'run' | 'enqueue',
  list: string | undefined,
  args: ListArguments,
  registry: Registry,
  { flag, value, cap }: FittedOption,
): string {
  const words = ['shotlist', command, ...(list === undefined ? [] : [list])];
  const option = (name: string, given: unknown) => {
    if (given === true) words.push(`--${name}`);
    else if (given !== undefined) words.push(`--${name}`, String(given));
  };
  for (const name of ['prompt', 'batch', 'template', 'model', 'variants', 'recipe'] as const)
    option(name, args[name]);
  const flags = new Set(registry.models.flatMap(({ inputs }) => inputs.map((input) => input.flag)));
  for (const name of flags) if (name !== flag) option(name, args[attributeOf(name)]);
  option('allow-unlabelled', args['allowUnlabelled']);
  option('proof', args.proof);
  option('regenerate', args.regenerate);
  option('prune', args.prune);
  option('on-done', args.onDone);
  option('simulate', args.simulate);
  words.push(`--${flag}`, value, '--cap', String(toUsd(cap)));
  return words.map(quoted).join(' ');
}

function quoted(word: string): string {
  return /^[\w./:@=,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

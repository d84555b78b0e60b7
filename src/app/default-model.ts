import { commandWith, type ListCommand } from '../cli/commands/list.ts';
import type { Context } from '../cli/context.ts';
import type { ListArguments } from '../cli/options/list.ts';
import { UserError } from '../shared/base/errors.ts';
import { formatUsd } from '../shared/base/money.ts';
import type { DefaultModel } from '../shared/models/default-model.ts';
import type { Model } from '../shared/models/model.ts';
import { endsAtMs, successorOf } from '../shared/models/model-end.ts';
import { listPrice } from '../shared/models/price.ts';
import type { Registry } from '../shared/models/registry.ts';
import { tierOf } from '../shared/models/tier.ts';

/** One line of every plan that takes it: the default model, why it is that one, and what a picture costs. */
export function defaultModelSentence(
  { model, by, ended }: DefaultModel,
  registry: Pick<Registry, 'find'>,
  nowMs: number,
): string {
  return `model: ${model.alias} (${whyDefault({ model, by, ended }, registry, nowMs)}), ${priceWords(model)}`;
}

function whyDefault(
  { model, by, ended }: DefaultModel,
  registry: Pick<Registry, 'find'>,
  nowMs: number,
): string {
  if (by === 'setting') return 'DEFAULT_MODEL';
  if (ended?.ends !== undefined) return `the default since ${ended.ends.date}, when ${ended.alias} ended`;
  const successor = successorOf(model, registry);
  const atMs = endsAtMs(model);
  return successor === undefined || atMs === undefined || atMs <= nowMs
    ? 'the default'
    : `the default until ${model.ends?.date} 00:00 UTC, then ${successor}`;
}

/** `$0.00588 low, $0.01317 medium, … a picture at 1024x1024, and its prompt; …`: at the model's own defaults. */
export function priceWords(model: Model): string {
  const values = Object.fromEntries(
    model.inputs.flatMap(({ name, default: value }) => (value === undefined ? [] : [[name, value]])),
  );
  const rule = model.price;
  const step =
    rule.roundUpToMicroUsd > 1 ? `; a request is rounded up to ${formatUsd(rule.roundUpToMicroUsd)}` : '';
  if (rule.kind === 'flat') return `${formatUsd(rule.microUsdPerImage)} a picture${step}`;
  const tier = tierOf(model);
  const prices = (tier?.options ?? ['']).map((option) => {
    const chosen = tier === undefined ? values : { ...values, [tier.input.name]: option };
    return `${formatUsd(listPrice(model, chosen).maxMicroUsd)} ${option}`.trim();
  });
  const priced = new Set(rule.tiers.flatMap(({ when }) => Object.keys(when)));
  if (tier !== undefined) priced.delete(tier.input.name);
  const at = [...priced].map((name) => String(values[name])).join(', ');
  return `${prices.join(', ')} a picture${at === '' ? '' : ` of ${at}`}, and its prompt${step}`;
}

/**
 * Which model a catalog goes on with that has pictures of the default that ended. Asks on a terminal; elsewhere throws a
 * `UserError` (`choose_model`) with both commands. `--yes` does not choose.
 */
export async function chooseModel(
  context: Context,
  {
    ended,
    model,
    command,
    list,
    args,
    registry,
  }: {
    readonly ended: Model;
    readonly model: Model;
    readonly command: ListCommand;
    readonly list: string | undefined;
    readonly args: ListArguments;
    readonly registry: Registry;
  },
): Promise<Model> {
  const what = `This catalog has pictures of ${ended.alias}, which ended on ${ended.ends?.date ?? ''}; the default is ${model.alias} now, and would make all of them again.`;
  if (!context.stdin.isTTY || !context.stderr.isTTY || args.json === true) {
    const both = [model, ended].map(({ alias }) =>
      commandWith({ model: alias }, command, list, args, registry),
    );
    throw new UserError(
      'choose_model',
      `${what} Nothing was queued. To make them with ${model.alias}: ${both[0] ?? ''}. To keep them, for as long as fal answers: ${both[1] ?? ''}. For all lists and schedules: DEFAULT_MODEL.`,
    );
  }
  // Only who is asked waits for it.
  const { select } = await import('@inquirer/prompts');
  return await select(
    {
      message: `${what} Which model makes the list?`,
      choices: [
        { name: `${model.alias}: ${priceWords(model)}`, value: model },
        { name: `${ended.alias}: keeps its pictures, for as long as fal answers`, value: ended },
      ],
    },
    { input: context.stdin, output: context.stderr, signal: context.signal },
  );
}

import { endedSentence, type ModelChoice, refuseToChoose } from '../../operations/choose-model.ts';
import { formatUsd } from '../../shared/base/money.ts';
import type { DefaultModel } from '../../shared/models/default-model.ts';
import type { Model } from '../../shared/models/model.ts';
import { endsAtMs, successorOf } from '../../shared/models/model-end.ts';
import { listPrice } from '../../shared/models/price.ts';
import type { Registry } from '../../shared/models/registry.ts';
import { tierOf } from '../../shared/models/tier.ts';
import type { Context } from '../context.ts';
import type { ListArguments } from '../options/list.ts';

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

/** Asks which model a catalog goes on with; without a terminal as `refuseToChoose`. */
export async function chooseModel(
  context: Context,
  { json }: Pick<ListArguments, 'json'>,
  choice: ModelChoice,
): Promise<Model> {
  if (!context.stdin.isTTY || !context.stderr.isTTY || json === true) return refuseToChoose(choice);
  const { ended, model } = choice;
  // Only who is asked waits for it.
  const { select } = await import('@inquirer/prompts');
  return await select(
    {
      message: `${endedSentence(choice)} Which model makes the list?`,
      choices: [
        { name: `${model.alias}: ${priceWords(model)}`, value: model },
        { name: `${ended.alias}: keeps its pictures, for as long as fal answers`, value: ended },
      ],
    },
    { input: context.stdin, output: context.stderr, signal: context.signal },
  );
}

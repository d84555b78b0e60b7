import { createHash } from 'node:crypto';
import type { Plan } from '../../producer/plan/plan.ts';
import { requestsOf } from '../../producer/plan/requests.ts';
import { TotalsCounter } from '../../producer/plan/totals.ts';
import type { Shot } from '../../producer/shots/shot.ts';
import { type HashOf, takeKeyOf } from '../../producer/shots/shot-key.ts';
import { UserError } from '../../shared/base/errors.ts';
import { charactersOf } from '../../shared/base/text.ts';
import type { Clock } from '../../shared/base/time.ts';
import { PlanCutter } from '../../shared/journal/plan-chunks.ts';
import { encodePlanChunk, type PlanRow } from '../../shared/journal/plan-row.ts';
import type { InputValue, Model, ModelValues } from '../../shared/models/model.ts';
import { endWarning } from '../../shared/models/model-end.ts';
import { pricerOf } from '../../shared/models/price.ts';
import type { Registry } from '../../shared/models/registry.ts';
import { compileTemplate } from '../../shared/pictures/template.ts';
import { derivedBatchId } from '../../shared/store/keys.ts';
import type { ChosenShot } from './shots.ts';

/** What a person asks for: the pictures, and the words that make them where these are to be others. */
export interface RedoAsk {
  readonly batch: string;
  readonly shots: readonly ChosenShot[];
  /** May name columns, as a list's prompt may. */
  readonly prompt: string | undefined;
}

export interface RedoPlanDeps {
  readonly registry: Registry;
  /** Only asked for a model with image inputs. */
  readonly hashOf: HashOf;
  readonly clock: Clock;
}

/** In memory: what a person names fits there. */
export interface RedoPlan extends Plan {
  readonly rows: readonly PlanRow[];
}

/** The batch that makes a take: the same pictures, words and number are the same batch. */
export function redoBatchId({ batch, shots, prompt }: RedoAsk, take: number): string {
  const images = shots.map(({ row, indices }) => [row.row, indices]);
  const hash = sha256(JSON.stringify(['redo-1', batch, images, prompt ?? null])).slice(0, 8);
  return derivedBatchId(batch, `.take${take}-${hash}`);
}

/**
 * Plans one take of delivered pictures as a batch of its own: each shot as the batch's plan has it, only the pictures
 * that are asked for, at the lowest price. Throws a `UserError` where the prompt does not fit.
 */
export async function planRedo(ask: RedoAsk, take: number, deps: RedoPlanDeps): Promise<RedoPlan> {
  const { registry, clock } = deps;
  const totals = new TotalsCounter();
  const warnings = new Set<string>();
  const hash = createHash('sha256');
  const rows: PlanRow[] = [];
  const cutter = new PlanCutter();
  const chunks: PlanRow[][] = [];
  for (const [at, { row: of, indices, why }] of ask.shots.entries()) {
    const model = registry.get(of.model);
    const warning = endWarning(model, registry, clock());
    if (warning !== undefined) warnings.add(warning);
    const prompt = ask.prompt === undefined ? of.prompt : promptOf(ask.prompt, of, model);
    const values = valuesOf(model, of.input);
    const { shot: id, recipe, names, variants, columns } = of;
    const shot: Shot = { line: at + 1, id, model, prompt, values, variants, recipe, columns };
    const price = pricerOf(model, values, prompt);
    const others = Array.from({ length: variants }, (_, index) => index).filter(
      (index) => !indices.includes(index),
    );
    const requests = requestsOf(shot, others, price).filter(({ kind }) => kind === 'pay');
    const shotKey = await takeKeyOf(shot, take, deps.hashOf);
    const row: Omit<PlanRow, 'requests'> = {
      row: at,
      shot: id,
      shotKey,
      take,
      ...(why === undefined ? {} : { why }),
      model: of.model,
      prompt,
      input: of.input,
      recipe,
      ...(names === undefined ? {} : { names }),
      variants,
      columns,
    };
    hash.update(JSON.stringify([row, indices]));
    totals.add({ model, values, variants: indices.length, requests, singleMicroUsd: price(1).maxMicroUsd });
    const written = { ...row, requests };
    if (cutter.begins(JSON.stringify(written))) chunks.push([]);
    chunks.at(-1)?.push(written);
    rows.push(written);
  }
  const chunkOf = (index: number) => chunks[index] ?? [];
  return {
    rows,
    digest: hash.digest('hex'),
    batchId: redoBatchId(ask, take),
    totals: totals.totals(),
    warnings: [...warnings],
    chunkCount: chunks.length,
    chunkStarts: cutter.starts,
    chunk: (index) => encodePlanChunk(chunkOf(index)),
    requests: async (index) => chunkOf(index),
    [Symbol.asyncDispose]: async () => {},
  };
}

/** A plan leaves out what is at the model's default; the shot key and the price want all of it. */
function valuesOf(model: Model, input: ModelValues): ModelValues {
  const values: Record<string, InputValue> = {};
  for (const { name, default: standard } of model.inputs) {
    const value = input[name] ?? standard;
    if (value !== undefined) values[name] = value;
  }
  return values;
}

function promptOf(text: string, { shot, columns }: PlanRow, { alias, prompt }: Model): string {
  const template = compileTemplate(text);
  const rendered = 'fault' in template ? template : template.render(columns, prompt.maxCharacters);
  if ('fault' in rendered) throw new UserError('bad_option', `--prompt, for ${shot}: ${rendered.fault}.`);
  const words = rendered.text.trim();
  if (words === '') throw new UserError('bad_option', '--prompt is empty; leave it out to keep the prompt.');
  const length = charactersOf(words);
  if (length <= prompt.maxCharacters) return words;
  throw new UserError(
    'bad_option',
    `--prompt has ${length.toLocaleString('en')} characters for ${shot}; ${alias} takes ${prompt.maxCharacters.toLocaleString('en')}.`,
  );
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

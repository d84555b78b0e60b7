import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { chooseModel } from '../app/default-model.ts';
import type { ListCommand } from '../cli/commands/list.ts';
import { type Context, openLog, say } from '../cli/context.ts';
import { type ListArguments, listOptionsOf } from '../cli/options/list.ts';
import { hasPicturesOf, openCatalogSync, type SyncTotals } from '../producer/catalog-sync.ts';
import type { ListProcess } from '../producer/child/check-in-child.ts';
import { checkList, listProcess } from '../producer/child/list-process.ts';
import { type Covered, RowCosts, tightest } from '../producer/estimate/coverage.ts';
import { RequestKinds } from '../producer/estimate/duration.ts';
import { Fit, type FitResult } from '../producer/estimate/fit.ts';
import { PaidAlready } from '../producer/estimate/paid-already.ts';
import { OnceMore, type RegenerateCosts } from '../producer/estimate/retakes.ts';
import { listName } from '../producer/list/list.ts';
import { sourceOf, templateOf } from '../producer/list/source.ts';
import { createMade } from '../producer/plan/existing.ts';
import { type Plan, planChecked } from '../producer/plan/plan.ts';
import { type ChosenProof, ProofSample } from '../producer/plan/proof.ts';
import type { PlanTotals } from '../producer/plan/totals.ts';
import type { PlanWriterDeps } from '../producer/plan/writer.ts';
import type { Shot } from '../producer/shots/shot.ts';
import type { Config } from '../shared/base/config.ts';
import { count } from '../shared/base/count.ts';
import { UserError } from '../shared/base/errors.ts';
import { formatUsd } from '../shared/base/money.ts';
import { catalogOf } from '../shared/catalog/catalog.ts';
import { Journal } from '../shared/journal/journal.ts';
import { type DefaultModel, defaultModelOf } from '../shared/models/default-model.ts';
import type { Model } from '../shared/models/model.ts';
import { defaultRegistry } from '../shared/models/registry.ts';
import { sizeWordsNote } from '../shared/pictures/file-names.ts';
import type { OwnRecipe } from '../shared/pictures/stored.ts';
import { inputOf } from '../shared/requests/input.ts';
import type { ObjectStore } from '../shared/store/object-store.ts';
import { createTakesOfPlan, Takes } from '../shared/takes/takes.ts';
import { freeCharges } from './free-charges.ts';
import { chooseRecipes } from './recipe-choice.ts';
import { roomsLeft } from './room-left.ts';

export interface PlanListDeps {
  /** What the user typed, for the commands that messages name. */
  readonly command: ListCommand;
  readonly list: string | undefined;
  readonly args: ListArguments;
  readonly config: Config;
  /** undefined where there is no store yet. */
  readonly store: ObjectStore | undefined;
  /** The process that reads and checks the list; default: the one that ships. */
  readonly lists?: ListProcess | undefined;
}

export interface PlannedList {
  readonly plan: Plan;
  readonly name: string;
  /** undefined where no row takes it. */
  readonly defaultModel: DefaultModel | undefined;
  /** How the list differs from the last one of its name; undefined where there was none. */
  readonly sync: SyncTotals | undefined;
  /** undefined where no cap is set. */
  readonly covered: Covered | undefined;
  /** What fal is asked for, by how long it takes. */
  readonly kinds: ReturnType<RequestKinds['kinds']>;
  /** undefined without `--fit`. */
  readonly fit: FitResult | undefined;
  /** undefined without `--regenerate`. */
  readonly regenerate: RegenerateCosts | undefined;
  /** What fal has charged already for nobody; undefined where the list wants none of it. */
  readonly paidAlready: ReturnType<PaidAlready['totals']>;
  /** The first prompts, as they are sent. */
  readonly samples: readonly Pick<Shot, 'id' | 'prompt'>[];
  readonly proof: ChosenProof | undefined;
  /** To be stored before anything is queued. */
  readonly ownRecipe: OwnRecipe | undefined;
}

/** Prompts that a dry run shows. */
const SAMPLES = 3;

/**
 * Reads, checks and plans the list of `run` or `enqueue`, against what the store holds already. Asks where the default
 * model has changed under the catalog's pictures; see `chooseModel`.
 */
export async function planFromArguments(context: Context, deps: PlanListDeps): Promise<PlannedList> {
  const { command, list, args, config } = deps;
  const registry = defaultRegistry();
  const chosen = defaultModelOf(registry, config.defaultModel, context.clock());
  const planned = await planWith(context, deps, chosen);
  const { ended, model } = chosen;
  try {
    if (ended === undefined || planned.defaultModel === undefined) return planned;
    if (!(await hasPictures(context, deps, planned.name, ended))) return planned;
    if (args.dryRun === true) {
      const both = [model, ended].map(({ alias }) => `--model ${alias}`).join(' or ');
      say(
        context,
        `note: this catalog has pictures of ${ended.alias}, which ended; to queue it, write ${both}`,
      );
      return planned;
    }
    if ((await chooseModel(context, { ended, model, command, list, args, registry })) === model)
      return planned;
  } catch (error) {
    await planned.plan[Symbol.asyncDispose]();
    throw error;
  }
  await planned.plan[Symbol.asyncDispose]();
  return await planWith(context, deps, { model: ended, by: 'shipped', ended: undefined });
}

async function hasPictures(
  { signal }: Context,
  { store, args }: PlanListDeps,
  name: string,
  { endpoint }: Model,
): Promise<boolean> {
  if (store === undefined || args.prompt !== undefined) return false;
  const { made, paid } = await createMade(store, signal);
  return await hasPicturesOf(endpoint, catalogOf(name), {
    store,
    journal: new Journal({ store }),
    // What is paid and not yet to be had counts: it would be paid for again, too.
    made: async (shotKey, variants) => [
      ...(await made(shotKey, variants)),
      ...(await paid(shotKey, variants)),
    ],
    signal,
  });
}

async function planWith(
  context: Context,
  { list, args, config, store, lists = listProcess(context.environment) }: PlanListDeps,
  defaultModel: DefaultModel,
): Promise<PlannedList> {
  const { signal, stdin, cwd, clock } = context;
  const registry = defaultRegistry();
  const log = openLog(context, config, { detail: 'quiet', secrets: [] });
  const source = sourceOf(list, args, { stdin, cwd, config, log });
  const resolved = args.resolved?.template;
  const template =
    resolved !== undefined
      ? { template: resolved }
      : args.template === undefined
        ? {}
        : { template: await templateOf(args.template, cwd) };
  const recipes = await chooseRecipes(args, cwd);
  const name = listName(source);
  const sample = args.proof === undefined ? undefined : new ProofSample(args.proof);
  if (source.kind === 'prompt' && args.prune === true) {
    throw new UserError('usage', '--prune compares a list with the last one of its name: it needs a list.');
  }
  const existing = await whatExists(store, signal);
  const options = {
    ...listOptionsOf(args, registry),
    ...template,
    ...(recipes.planned === undefined ? {} : { recipe: recipes.planned }),
  };
  const fit =
    args.fit === undefined
      ? undefined
      : new Fit(args.fit, options.model === undefined ? defaultModel.model : registry.get(options.model), {
          ...existing,
          hashOf: hashOfImage,
        });
  const costs = new RowCosts();
  const kinds = new RequestKinds();
  const used = new Set<string>();
  const paidAlready = new PaidAlready({
    charges: await freeCharges(store, clock(), signal, ({ message }) =>
      say(context, `warning: a charge that no request has cannot be read, and is left out: ${message}`),
    ),
    posted: ({ shot: { model, prompt }, input }, numImages) =>
      inputOf({ row: { prompt, input }, model }, numImages),
  });
  const onceMore = args.regenerate === undefined ? undefined : new OnceMore();
  const samples: Pick<Shot, 'id' | 'prompt'>[] = [];
  const sync =
    store === undefined || source.kind === 'prompt'
      ? undefined
      : await openCatalogSync(catalogOf(name), { store, journal: new Journal({ store }), signal }, (text) =>
          say(context, `warning: ${text}`),
        );
  const { model } = defaultModel;
  const plan = await planChecked({
    checked: checkList({
      source,
      maxBytes: config.listMaxBytes,
      options,
      registry,
      defaultModel: model,
      recipes: recipes.recipes,
      lists,
      signal,
    }),
    listName: name,
    options,
    registry,
    defaultModel: model,
    recipes: recipes.names,
    ...existing,
    hashOf: hashOfImage,
    ...(sample === undefined ? {} : { sample }),
    spoolFolder: tmpdir(),
    clock,
    async onRow(row) {
      const { shot, shotKey, requests } = row;
      sync?.see({ shot: shot.id, shotKey, variants: shot.variants });
      costs.add(requests);
      kinds.add(row);
      used.add(shot.recipe);
      onceMore?.add(row);
      paidAlready.add(row);
      if (samples.length < SAMPLES) samples.push({ id: shot.id, prompt: shot.prompt });
      await fit?.add(row);
    },
    signal,
  });
  try {
    for (const warning of plan.warnings) say(context, `warning: ${warning}`);
    for (const named of used) {
      const recipe = recipes.recipes.get(named);
      const text = options.names ?? recipe?.names;
      const sizes = text === undefined ? undefined : sizeWordsNote(text, recipe?.renditions ?? []);
      if (sizes !== undefined) say(context, `note: ${sizes}`);
    }
    const batch = args.batch ?? plan.batchId;
    const { caps } = config;
    const room = tightest(await roomsLeft({ caps, batch, cap: args.cap, store, clock, signal }));
    return {
      plan,
      name,
      defaultModel: plan.defaultRows === 0 ? undefined : defaultModel,
      proof: sample?.chosen(),
      ownRecipe: recipes.own,
      sync: await sync?.totals(),
      covered: room === undefined ? undefined : { ...room, rows: costs.rowsWithin(room.leftMicroUsd) },
      kinds: kinds.kinds(),
      fit: await fit?.result(),
      regenerate: args.regenerate === undefined ? undefined : onceMore?.times(args.regenerate, args.cap),
      paidAlready: paidAlready.totals(),
      samples,
    };
  } catch (error) {
    // Nobody is handed the plan, so nobody else disposes of it.
    await plan[Symbol.asyncDispose]();
    throw error;
  }
}

async function whatExists(
  store: ObjectStore | undefined,
  signal: AbortSignal,
): Promise<Pick<PlanWriterDeps, 'made' | 'paid' | 'takes'>> {
  if (store === undefined) return { made: async () => [] };
  const takes = await Takes.load({ store, journal: new Journal({ store }), signal });
  return { ...(await createMade(store, signal)), takes: createTakesOfPlan(takes, store, signal) };
}

/** No shipped model takes images yet; a file of one would be read from here. */
export async function hashOfImage(address: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(address))
    .digest('hex');
}

export function planSentence({
  shots,
  images,
  requests,
  reusedImages,
  fetchedImages,
  minMicroUsd,
  maxMicroUsd,
  naiveMicroUsd,
}: PlanTotals): string {
  const cost =
    minMicroUsd === maxMicroUsd
      ? formatUsd(maxMicroUsd)
      : `${formatUsd(minMicroUsd)} to ${formatUsd(maxMicroUsd)}`;
  const reused = reusedImages === 0 ? '' : `, ${count(reusedImages, 'image')} already made`;
  const fetched = fetchedImages === 0 ? '' : `, ${count(fetchedImages, 'image')} paid already and to fetch`;
  const naive = requests === 0 ? '' : ` (one request an image: ${formatUsd(naiveMicroUsd)})`;
  return `${count(shots, 'shot')}, ${count(images, 'image')}${reused}${fetched}: ${count(requests, 'request')} to fal, ${cost}${naive}`;
}

/**
 * Asks before spending more than `CONFIRM_OVER_USD`; without a terminal it takes `--yes` or `--cap`. Simulated money
 * is never asked about. Throws a `UserError` on a no.
 */
export async function confirmSpending(
  context: Context,
  { maxMicroUsd }: Pick<PlanTotals, 'maxMicroUsd'>,
  args: Pick<ListArguments, 'simulate' | 'yes' | 'cap'>,
  { confirmOver }: Config,
  mend = 'add --yes, or --cap with the most that it may spend',
): Promise<void> {
  if (args.simulate === true || args.yes === true || maxMicroUsd <= confirmOver) return;
  const amount = formatUsd(maxMicroUsd);
  if (!context.stdin.isTTY || !context.stderr.isTTY) {
    if (args.cap !== undefined) return;
    throw new UserError(
      'not_confirmed',
      `This may cost up to ${amount}, more than CONFIRM_OVER_USD (${formatUsd(confirmOver)}): ${mend}.`,
    );
  }
  // Only who is asked waits for it.
  const { confirm } = await import('@inquirer/prompts');
  const yes = await confirm(
    { message: `This may cost up to ${amount}. Go on?`, default: false },
    { input: context.stdin, output: context.stderr, signal: context.signal },
  );
  if (!yes) throw new UserError('not_confirmed', 'Nothing was spent.');
}

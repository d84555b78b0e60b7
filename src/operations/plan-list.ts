import { tmpdir } from 'node:os';
import { hasPicturesOf, openCatalogSync, type SyncTotals } from '../producer/catalog-sync.ts';
import type { ListProcess } from '../producer/child/check-in-child.ts';
import { checkList, listProcess } from '../producer/child/list-process.ts';
import { ColumnCosts, type ColumnsCost } from '../producer/estimate/column-costs.ts';
import { type Covered, RowCosts, tightest } from '../producer/estimate/coverage.ts';
import { type Finish, RequestKinds } from '../producer/estimate/duration.ts';
import { Fit, type FitResult } from '../producer/estimate/fit.ts';
import { PaidAlready } from '../producer/estimate/paid-already.ts';
import { OnceMore, type RegenerateCosts } from '../producer/estimate/retakes.ts';
import { listName } from '../producer/list/list.ts';
import { sourceOf, templateOf } from '../producer/list/source.ts';
import { createMade } from '../producer/plan/existing.ts';
import { type Plan, planChecked } from '../producer/plan/plan.ts';
import { type ChosenProof, ProofSample } from '../producer/plan/proof.ts';
import type { PlanWriterDeps } from '../producer/plan/writer.ts';
import { hashOfImage } from '../producer/shots/image-hash.ts';
import type { Shot } from '../producer/shots/shot.ts';
import type { Config, Environment } from '../shared/base/config.ts';
import { UserError } from '../shared/base/errors.ts';
import type { Logger } from '../shared/base/log.ts';
import type { Clock } from '../shared/base/time.ts';
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
import type { ModelChoice } from './choose-model.ts';
import { type EnqueueOptions, listOptionsOf } from './enqueue-options.ts';
import { freeCharges } from './free-charges.ts';
import type { ListCommand } from './list-command.ts';
import { chooseRecipes } from './recipe-choice.ts';
import { roomsLeft } from './room-left.ts';

/** Where a list and its template are read from, and who is told. */
export interface Surroundings {
  readonly environment: Environment;
  /** Relative paths begin here. */
  readonly cwd: string;
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly notices: Notices;
}

/** What a user should know and nothing waits for. */
export interface Notices {
  warn(text: string): void;
  note(text: string): void;
}

export interface PlanListRequest {
  /** What the user typed, for the commands that messages name. */
  readonly command: ListCommand;
  readonly list: string | undefined;
  readonly options: EnqueueOptions;
  readonly config: Config;
  /** undefined where there is no store yet. */
  readonly store: ObjectStore | undefined;
  /** The process that reads and checks the list; default: the one that ships. */
  readonly lists?: ListProcess | undefined;
  /** Which model goes on with a catalog of the default that ended; rejects where nobody can be asked. */
  readonly chooseModel: (choice: ModelChoice) => Promise<Model>;
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
  /** Columns of the list that multiply its cost. */
  readonly columns: ColumnsCost;
  /** The first prompts, as they are sent. */
  readonly samples: readonly Pick<Shot, 'id' | 'prompt'>[];
  readonly proof: ChosenProof | undefined;
  /** To be stored before anything is queued. */
  readonly ownRecipe: OwnRecipe | undefined;
}

/** What is said of a list beside its totals. */
export interface PlanFacts
  extends Pick<
    PlannedList,
    'defaultModel' | 'columns' | 'sync' | 'covered' | 'fit' | 'regenerate' | 'paidAlready'
  > {
  readonly finish: Finish | undefined;
}

/** Prompts that a dry run shows. */
const SAMPLES = 3;

/**
 * Reads, checks and plans a list against what the store holds already. Rejects with a `UserError` that names every fault,
 * or with the signal's reason; nothing is queued or stored.
 */
export async function planList(
  surroundings: Surroundings,
  request: PlanListRequest,
  signal: AbortSignal,
): Promise<PlannedList> {
  const { command, list, options, config, chooseModel } = request;
  const registry = defaultRegistry();
  const chosen = defaultModelOf(registry, config.defaultModel, surroundings.clock());
  const planned = await planWith(surroundings, request, chosen, signal);
  const { ended, model } = chosen;
  try {
    if (ended === undefined || planned.defaultModel === undefined) return planned;
    if (!(await hasPictures(request, planned.name, ended, signal))) return planned;
    if ((await chooseModel({ ended, model, command, list, options, registry })) === model) return planned;
  } catch (error) {
    await planned.plan[Symbol.asyncDispose]();
    throw error;
  }
  await planned.plan[Symbol.asyncDispose]();
  return await planWith(surroundings, request, { model: ended, by: 'shipped', ended: undefined }, signal);
}

async function hasPictures(
  { store, options }: PlanListRequest,
  name: string,
  { endpoint }: Model,
  signal: AbortSignal,
): Promise<boolean> {
  if (store === undefined || options.prompt !== undefined) return false;
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
  { environment, stdin, cwd, clock, log, notices }: Surroundings,
  { list, options: asked, config, store, lists = listProcess(environment) }: PlanListRequest,
  defaultModel: DefaultModel,
  signal: AbortSignal,
): Promise<PlannedList> {
  const registry = defaultRegistry();
  const source = sourceOf(list, asked, { stdin, cwd, config, log });
  const resolved = asked.resolved?.template;
  const template =
    resolved !== undefined
      ? { template: resolved }
      : asked.template === undefined
        ? {}
        : { template: await templateOf(asked.template, cwd) };
  const recipes = await chooseRecipes(asked, cwd);
  const name = listName(source);
  const sample = asked.proof === undefined ? undefined : new ProofSample(asked.proof);
  if (source.kind === 'prompt' && asked.prune === true) {
    throw new UserError('usage', '--prune compares a list with the last one of its name: it needs a list.');
  }
  const existing = await whatExists(store, signal);
  const options = {
    ...listOptionsOf(asked, registry),
    ...template,
    ...(recipes.planned === undefined ? {} : { recipe: recipes.planned }),
  };
  const fit =
    asked.fit === undefined
      ? undefined
      : new Fit(asked.fit, options.model === undefined ? defaultModel.model : registry.get(options.model), {
          ...existing,
          hashOf: hashOfImage,
        });
  const costs = new RowCosts();
  const columns = new ColumnCosts({ options, registry, defaultModel: defaultModel.model });
  const kinds = new RequestKinds();
  const used = new Set<string>();
  const paidAlready = new PaidAlready({
    charges: await freeCharges(store, clock(), signal, ({ message }) =>
      notices.warn(`a charge that no request has cannot be read, and is left out: ${message}`),
    ),
    posted: ({ shot: { model, prompt }, input }, numImages) =>
      inputOf({ row: { prompt, input }, model }, numImages),
  });
  const onceMore = asked.regenerate === undefined ? undefined : new OnceMore();
  const samples: Pick<Shot, 'id' | 'prompt'>[] = [];
  const sync =
    store === undefined || source.kind === 'prompt'
      ? undefined
      : await openCatalogSync(catalogOf(name), { store, journal: new Journal({ store }), signal }, (text) =>
          notices.warn(text),
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
      columns.add(row);
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
    for (const warning of plan.warnings) notices.warn(warning);
    for (const named of used) {
      const recipe = recipes.recipes.get(named);
      const text = options.names ?? recipe?.names;
      const sizes = text === undefined ? undefined : sizeWordsNote(text, recipe?.renditions ?? []);
      if (sizes !== undefined) notices.note(sizes);
    }
    const batch = asked.batch ?? plan.batchId;
    const { caps } = config;
    const room = tightest(await roomsLeft({ caps, batch, cap: asked.cap, store, clock, signal }));
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
      regenerate: asked.regenerate === undefined ? undefined : onceMore?.times(asked.regenerate, asked.cap),
      paidAlready: paidAlready.totals(),
      columns: columns.totals(),
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

import { LRUCache } from 'lru-cache';
import { MalformedError, UserError } from '../../shared/base/errors.ts';
import type { Logger } from '../../shared/base/log.ts';
import type { Clock } from '../../shared/base/time.ts';
import type { Journal } from '../../shared/journal/journal.ts';
import type { PlanRow } from '../../shared/journal/plan-row.ts';
import { rootOf } from '../../shared/journal/regeneration.ts';
import { expectedOf } from '../../shared/models/expected.ts';
import type { Recipe } from '../../shared/pictures/recipes.ts';
import { readStoredRecipe } from '../../shared/pictures/stored.ts';
import type { DuePictures } from '../../shared/requests/due-pictures.ts';
import type { Records } from '../../shared/requests/records.ts';
import type { House } from '../../shared/requests/steps.ts';
import { jobIdOf } from '../../shared/store/keys.ts';
import type { ObjectStore } from '../../shared/store/object-store.ts';
import { listVariantsOfRow } from '../../shared/takes/originals.ts';
import { stateOf } from '../../shared/takes/variants.ts';
import { createFetchAgain } from './fetch-again.ts';
import { filesOf } from './files.ts';
import type { Met, NearDuplicates } from './near-duplicates.ts';
import type { RenderDeps } from './processor.ts';

/** For all images of one request. A 1536×1024 picture takes well under a second; four of them on a busy core, a few. */
const TIME_LIMIT_MS = 60_000;

/** Kept in a child's memory, watermarks included. */
const OWN_RECIPES = 8;

/** Two starts may end in a crash; the third fails the request and keeps the original. */
const MAX_STARTS = 2;

export interface RecordedRenderDeps {
  readonly house: House;
  readonly records: Records;
  readonly journal: Journal;
  readonly nearDuplicates: NearDuplicates;
  readonly due: Pick<DuePictures, 'add'>;
  readonly store: ObjectStore;
  /** Those that ship with this worker; a person's own are in the store. */
  readonly recipes: ReadonlyMap<string, Recipe>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly exit: (code: number) => never;
}

/** The render processor's view of records, journal and store. */
export function createRenderDeps(deps: RecordedRenderDeps): RenderDeps {
  const { house, records, journal, nearDuplicates, store, recipes, clock, log } = deps;
  const fetchAgain = createFetchAgain(deps);
  const own = new LRUCache<string, Recipe>({ max: OWN_RECIPES });
  /** What a request under way has shown of itself, to be taken back where it fails. */
  const met = new Map<string, Met[]>();
  const roots = new LRUCache<string, string>({ max: 100 });

  /** What is made again takes its place beside what passed: it is compared with the pictures of the person's batch. */
  async function comparedIn(batch: string, { take }: PlanRow): Promise<string> {
    if (take === undefined) return batch;
    const known = roots.get(batch);
    if (known !== undefined) return known;
    const head = await journal.readHead(batch);
    const root = head === undefined ? batch : rootOf(head);
    roots.set(batch, root);
    return root;
  }

  async function forgetMet(request: string): Promise<void> {
    for (const picture of met.get(request) ?? []) await nearDuplicates.forget(picture);
    met.delete(request);
  }

  async function recipeOf(name: string): Promise<Recipe | undefined> {
    const known = recipes.get(name) ?? own.get(name);
    if (known !== undefined) return known;
    const stored = await readStoredRecipe(store, name);
    if (stored !== undefined) own.set(name, stored);
    return stored;
  }

  return {
    log,
    timeLimitMs: TIME_LIMIT_MS,
    maxStarts: MAX_STARTS,
    exit: deps.exit,

    async begin(request, jobId) {
      const standing = await records.read(request);
      if (standing === undefined || (jobId !== undefined && jobId !== jobIdOf(request, standing.round))) {
        return undefined;
      }
      const record = await records.activate(request, 'render');
      if (record === undefined) return undefined;
      // Everything that can fail without the picture's fault comes before the start is counted.
      const work = await house.workOrFail(record);
      if (work === undefined) return undefined;
      const { name, row, planned, model } = work;
      const recipe = await recipeOf(row.recipe);
      if (recipe === undefined) {
        throw new UserError(
          'unknown_recipe',
          `${request} asks for recipe "${row.recipe}", which this worker does not have; start a worker of the release that enqueued it.`,
        );
      }
      const variants = await listVariantsOfRow(store, row);
      const states = planned.indices.map((index) => stateOf(variants, index));
      if (states.includes('paid') && !states.includes('nothing')) {
        // Another request has found the picture to be damaged.
        const { epoch, renderStarts } = record;
        const started = await house.step('render', { request, epoch, set: { renderStarts } });
        if (started.code === 'ok') await fetchAgain.missing(record);
        return undefined;
      }
      const images = planned.indices.map((index) => {
        const original = variants.get(index)?.original;
        if (original === undefined) {
          throw new MalformedError(`Original ${index} of shot key ${row.shotKey} is missing from the store.`);
        }
        return {
          index,
          requestId: record.requestId,
          originalKey: original.key,
          madeAtMs: original.storedAtMs,
        };
      });
      const { epoch, round } = record;
      const starts = record.renderStarts + 1;
      const started = await house.step('render', { request, epoch, set: { renderStarts: starts } });
      if (started.code !== 'ok') return undefined;
      met.delete(request);
      return {
        request,
        epoch,
        round,
        starts,
        recipe,
        model: row.model,
        expected: expectedOf(model, row.input),
        images,
        ...filesOf(name.batch, row, recipe),
      };
    },

    async giveBack({ request, epoch, starts }) {
      await house.step('render', { request, epoch, set: { renderStarts: starts - 1 } });
    },

    async readOriginal(key) {
      const object = await store.get(key);
      if (object === undefined) throw new MalformedError(`The original ${key} is missing from the store.`);
      return object;
    },

    async nearDuplicate({ request }, look, level) {
      const { name, row } = await house.work(request);
      const picture = { batch: await comparedIn(name.batch, row), shot: row.shot, look };
      met.set(request, [...(met.get(request) ?? []), picture]);
      return await nearDuplicates.meet(picture, level === 'fail' ? 'dropped' : 'kept');
    },

    async writeRendition(key, body, options) {
      await store.put(key, body, options);
    },

    async deliver({ request, epoch }, images) {
      const { name } = await house.work(request);
      const record = await records.read(request);
      await journal.writeDelivery({
        ...name,
        at: clock(),
        costMicroUsd: record?.booked ?? 0,
        images: [...images],
      });
      await house.step('deliver', { request, epoch });
      met.delete(request);
    },

    async fail({ request, epoch, round }, failure) {
      await forgetMet(request);
      await house.fail(request, epoch, round, failure);
    },

    async damaged(task, damage) {
      await forgetMet(task.request);
      await fetchAgain.damaged(task, damage);
    },
  };
}

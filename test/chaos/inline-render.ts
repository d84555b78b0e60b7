import { Worker } from 'bullmq';
import type { Shop } from '../../src/cli/shop.ts';
import type { Logger } from '../../src/shared/log.ts';
import { defaultRegistry } from '../../src/shared/models/registry.ts';
import { connectionOf } from '../../src/shared/queues.ts';
import { loadRecipes, shippedRecipesFolder } from '../../src/shared/recipes.ts';
import { systemClock } from '../../src/shared/time.ts';
import { createHouse } from '../../src/worker/house.ts';
import { createRenderDeps } from '../../src/worker/render/deps.ts';
import { createRenderProcessor } from '../../src/worker/render/processor.ts';
import { CHAOS_TIMING } from './spec.ts';

/** The render role in this very process, so that a point inside it takes the process with it; locks as of the worker's. */
export async function startInlineRender(
  shop: Shop,
  { url, prefix, log }: { readonly url: string; readonly prefix: string; readonly log: Logger },
): Promise<AsyncDisposable> {
  const { records, batches, journal, store, queues, ended } = shop;
  const house = createHouse({
    records,
    batches,
    journal,
    registry: defaultRegistry(),
    add: queues.add.bind(queues),
    pauseSubmits: () => queues.pauseGenerate(),
    ended,
    heldWhole: () => undefined,
    clean: (text) => text,
    clock: systemClock,
    log,
  });
  const deps = createRenderDeps({
    house,
    records,
    journal,
    store,
    recipes: await loadRecipes(shippedRecipesFolder()),
    clock: systemClock,
    log,
    exit: () => {
      throw new Error('a render was over its time limit');
    },
  });
  const processor = createRenderProcessor(deps, {
    arm: () => ({ [Symbol.dispose]: () => undefined }),
    [Symbol.asyncDispose]: async () => undefined,
  });
  const worker = new Worker('render', (job, token, signal) => processor(job, token, signal), {
    connection: connectionOf(url),
    prefix,
    concurrency: 2,
    lockDuration: CHAOS_TIMING.lockMs,
    stalledInterval: CHAOS_TIMING.stalledIntervalMs,
    maxStalledCount: 1_000_000,
    settings: { backoffStrategy: () => 200 },
  });
  worker.on('error', (error) => log.warn({ error: error.message }, 'render worker error'));
  worker.on('failed', (job, error) => log.warn({ jobId: job?.id, error: error.message }, 'render failed'));
  await worker.waitUntilReady();
  return { [Symbol.asyncDispose]: () => worker.close() };
}

import { Worker } from 'bullmq';
import type { Shop } from '../../src/operations/services.ts';
import type { Logger } from '../../src/shared/base/log.ts';
import { systemClock } from '../../src/shared/base/time.ts';
import { defaultRegistry } from '../../src/shared/models/registry.ts';
import { loadRecipes, shippedRecipesFolder } from '../../src/shared/pictures/recipes.ts';
import { connectionOf } from '../../src/shared/queues/queues.ts';
import { createHouse } from '../../src/shared/requests/steps.ts';
import { createRenderDeps } from '../../src/worker/render/deps.ts';
import { createNearDuplicates } from '../../src/worker/render/near-duplicates.ts';
import { createRenderProcessor, type RenderProcessor } from '../../src/worker/render/processor.ts';
import type { Watchdog } from '../../src/worker/render/watchdog.ts';

export interface RenderingDeps {
  readonly shop: Shop;
  readonly url: string;
  readonly prefix: string;
  readonly log: Logger;
}

/**
 * The render role without its child processes, which take a second to start from source: the same processor over the
 * same records. The children have tests of their own (`render-sandbox.test.ts`).
 */
export async function startRendering({ shop, url, prefix, log }: RenderingDeps): Promise<AsyncDisposable> {
  const render = await renderProcessorOf(shop, prefix, log);
  const worker = new Worker('render', (job, token) => render(job, token), {
    connection: connectionOf(url),
    prefix,
    concurrency: 4,
    settings: { backoffStrategy: () => 200 },
  });
  worker.on('error', (error) => log.warn({ error: error.message }, 'render worker error'));
  worker.on('failed', (job, error) => log.error({ jobId: job?.id, error: error.message }, 'render failed'));
  await worker.waitUntilReady();
  return { [Symbol.asyncDispose]: () => worker.close() };
}

/** The shipped processor over a shop, in this very process. */
export async function renderProcessorOf(shop: Shop, prefix: string, log: Logger): Promise<RenderProcessor> {
  const { records, batches, endpointStops, journal, store, queues, ended, held } = shop;
  const house = createHouse({
    records,
    batches,
    endpointStops,
    journal,
    registry: defaultRegistry(),
    add: queues.add.bind(queues),
    pauseSubmits: () => queues.pauseGenerate(),
    ended,
    held,
    turnedAway: () => undefined,
    clean: (text) => text,
    clock: systemClock,
    log,
  });
  const deps = createRenderDeps({
    house,
    records,
    journal,
    due: shop.due,
    nearDuplicates: createNearDuplicates({ redis: shop.redis, prefix, ttlH: 72 }),
    store,
    recipes: await loadRecipes(shippedRecipesFolder()),
    clock: systemClock,
    log,
    exit: () => {
      throw new Error('a render was over its time limit');
    },
  });
  return createRenderProcessor(deps, NO_WATCHDOG);
}

const NO_WATCHDOG: Watchdog = {
  arm: () => ({ [Symbol.dispose]: () => undefined }),
  [Symbol.asyncDispose]: async () => {},
};

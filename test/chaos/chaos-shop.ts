import type { Stack } from '../../src/app/connections.ts';
import { openShop } from '../../src/app/open-services.ts';
import type { Shop } from '../../src/operations/services.ts';
import { type Config, readConfig } from '../../src/shared/base/config.ts';
import { Closers } from '../../src/shared/base/disposables.ts';
import type { Logger } from '../../src/shared/base/log.ts';
import { systemClock } from '../../src/shared/base/time.ts';
import { createFalHttp, type FalHttp, openFalSockets } from '../../src/shared/fal/http.ts';
import { Journal } from '../../src/shared/journal/journal.ts';
import { createEnded } from '../../src/shared/status/ended.ts';
import { openFolderStore } from '../../src/shared/store/folder/store.ts';
import { flakyStore } from './flaky-store.ts';
import { mutated } from './mutations.ts';
import { EFFECTS, type Tap, tapped } from './points.ts';
import type { ProcessSpec } from './spec.ts';

export interface ChaosShop extends AsyncDisposable {
  readonly shop: Shop;
  readonly http: FalHttp;
  readonly stack: Stack;
  readonly config: Config;
  /** What is around the effects of all of it. */
  readonly tap: Tap;
}

/** The parts of a worker as `shotlist worker` opens them, then broken as told, with the points around all of it. */
export async function openChaosShop(spec: ProcessSpec, tap: Tap, log: Logger): Promise<ChaosShop> {
  const closers = new Closers();
  try {
    const config = readConfig(spec.settings);
    const stack = stackOf(config, spec.storeFolder);
    const plain = closers.use(await openShop(stack, config, log));
    const folder = closers.use(await openFolderStore({ folder: spec.storeFolder }));
    const store = spec.flaky === undefined ? folder : flakyStore(folder, spec.flaky);
    const agent = openFalSockets();
    closers.defer(() => agent.close());
    const http = createFalHttp({ agent, clock: systemClock });
    const broken = mutated(
      { shop: { ...plain, store, journal: new Journal({ store }) }, http },
      spec.mutation,
      config.redis.prefix,
    );
    const journal = tapped(broken.shop.journal, EFFECTS.journal, tap);
    const batches = tapped(broken.shop.batches, EFFECTS.batches, tap);
    const shop: Shop = {
      ...plain,
      store: tapped(broken.shop.store, EFFECTS.store, tap),
      journal,
      batches,
      queues: tapped(broken.shop.queues, EFFECTS.queues, tap),
      records: tapped(broken.shop.records, EFFECTS.records, tap),
      due: tapped(plain.due, EFFECTS.due, tap),
      missing: tapped(plain.missing, EFFECTS.missing, tap),
      memory: plain.memory,
      ended: createEnded({
        batches,
        journal,
        follow: plain.queues.addEnding.bind(plain.queues),
        ttlH: config.recordTtlH,
        clock: systemClock,
        log,
      }),
      [Symbol.asyncDispose]: async () => undefined,
    };
    return {
      shop,
      http: (request) => tap(`fal.${request.call}`, () => broken.http(request)),
      stack,
      config,
      tap,
      [Symbol.asyncDispose]: () => closers[Symbol.asyncDispose](),
    };
  } catch (error) {
    await closers[Symbol.asyncDispose]();
    throw error;
  }
}

function stackOf(config: Config, folder: string): Stack {
  return {
    redisUrl: config.redis.url,
    prefix: config.redis.prefix,
    store: { kind: 'folder', folder },
    fal: config.fal,
    simulated: true,
    secrets: [],
    notes: [],
    lost: undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

import { secretsOf } from '../shared/base/config.ts';
import { createLogger, redactor } from '../shared/base/log.ts';
import { systemClock } from '../shared/base/time.ts';
import { Journal } from '../shared/journal/journal.ts';
import { defaultRegistry } from '../shared/models/registry.ts';
import { loadRecipes, shippedRecipesFolder } from '../shared/pictures/recipes.ts';
import { Queues } from '../shared/queues/queues.ts';
import { openRedis } from '../shared/redis/redis.ts';
import { Batches } from '../shared/requests/batches.ts';
import { DuePictures } from '../shared/requests/due-pictures.ts';
import { EndpointStops } from '../shared/requests/endpoint-stops.ts';
import { Records } from '../shared/requests/records.ts';
import { createHouse } from '../shared/requests/steps.ts';
import { createEnded } from '../shared/status/ended.ts';
import { createHeld } from '../shared/status/held.ts';
import { createRenderChild } from '../worker/render/child.ts';
import { createRenderDeps } from '../worker/render/deps.ts';
import { createNearDuplicates } from '../worker/render/near-duplicates.ts';
import { endProcess } from '../worker/render/watchdog.ts';
import { openStore } from './connections.ts';
import { parseRenderStack, RENDER_STACK } from './render-stack.ts';

// biome-ignore lint/style/noDefaultExport: BullMQ's child imports the file it is given and calls its default export
export default createRenderChild(async () => {
  const {
    redisUrl,
    prefix,
    store: spec,
    recordTtlH,
    stopAfterFailures,
    log: logOptions,
  } = parseRenderStack(process.env[RENDER_STACK]);
  const secrets = secretsOf({ ...process.env, REDIS_URL: redisUrl });
  const log = createLogger({ ...logOptions, fd: 2, secrets });
  const store = await openStore(
    spec.kind === 'folder'
      ? spec
      : {
          kind: 's3',
          config: { endpoint: undefined, region: undefined, publicUrl: undefined, ...spec.config },
        },
    log,
  );
  const redis = await openRedis(redisUrl, { onDemoted: 'resend' });
  const queues = new Queues({ url: redisUrl, prefix });
  const clock = systemClock;
  const journal = new Journal({ store });
  const batches = new Batches({ redis, prefix, clock });
  const records = new Records({
    redis,
    prefix,
    clock,
    ttlH: recordTtlH,
    stopAfterFailures,
    caps: { daily: undefined, monthly: undefined },
  });
  const house = createHouse({
    records,
    batches,
    endpointStops: new EndpointStops({ redis, prefix }),
    journal,
    registry: defaultRegistry(),
    add: queues.add.bind(queues),
    pauseSubmits: () => queues.pauseGenerate(),
    ended: createEnded({
      batches,
      journal,
      follow: queues.addEnding.bind(queues),
      ttlH: recordTtlH,
      clock,
      log,
    }),
    held: createHeld({ batches, journal, follow: queues.addEnding.bind(queues), log }),
    turnedAway: () => undefined,
    clean: redactor(secrets),
    clock,
    log,
  });
  const recipes = await loadRecipes(shippedRecipesFolder());
  return createRenderDeps({
    house,
    records,
    journal,
    due: new DuePictures({ redis, prefix }),
    nearDuplicates: createNearDuplicates({ redis, prefix, ttlH: recordTtlH }),
    store,
    recipes,
    clock,
    log,
    exit: endProcess,
  });
});

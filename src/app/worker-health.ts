import { assertFalAnswers } from '../operations/doctor/fal.ts';
import { assertStoreRights } from '../operations/doctor/store-rights.ts';
import type { Shop } from '../operations/services.ts';
import type { Role } from '../shared/base/choices.ts';
import { type Config, type Environment, secretsOf } from '../shared/base/config.ts';
import { Closers } from '../shared/base/disposables.ts';
import { redactor } from '../shared/base/log.ts';
import { systemClock } from '../shared/base/time.ts';
import { createFalHttp, openFalSockets } from '../shared/fal/http.ts';
import { defaultRegistry } from '../shared/models/registry.ts';
import type { Stack } from './connections.ts';
import { type Health, type HealthLook, startHealth } from './health.ts';
import { needsKey, type Work } from './worker.ts';

export interface WorkerHealthOptions {
  readonly config: Config;
  readonly environment: Environment;
  readonly stack: Stack;
  readonly shop: Shop;
  readonly roles: ReadonlySet<Role>;
  /** undefined until the roles are started. */
  readonly work: () => Work | undefined;
}

/** A listing, a write of a hundred bytes and a read. */
const STORE_EVERY_MS = 10_000;
/** One GET of a price, which costs nothing. */
const FAL_EVERY_MS = 10_000;

/** The health port of a worker: every role needs Redis and the store, and those that send something need fal. */
export async function openWorkerHealth({
  config,
  environment,
  stack,
  shop: { redis, store },
  roles,
  work,
}: WorkerHealthOptions): Promise<Health | undefined> {
  if (config.healthPort === undefined) return undefined;
  const closers = new Closers();
  const agent = openFalSockets();
  // Not `close`: a call that was left behind must not be waited for.
  closers.defer(() => agent.destroy());
  const http = createFalHttp({ agent, clock: systemClock });
  const [model] = defaultRegistry().models;
  const { key, apiUrl } = stack.fal;
  const asksFal = needsKey(roles) && key !== undefined && model !== undefined;
  const falLook: readonly HealthLook[] = asksFal
    ? [
        {
          name: 'fal',
          look: (signal) => assertFalAnswers({ http, key, apiUrl, endpoint: model.endpoint }, signal),
          everyMs: FAL_EVERY_MS,
        },
      ]
    : [];
  try {
    const health = await startHealth({
      host: config.healthHost,
      port: config.healthPort,
      looks: [
        { name: 'Redis', look: () => redis.ping(), everyMs: 0 },
        { name: 'store', look: (signal) => assertStoreRights(store, signal), everyMs: STORE_EVERY_MS },
        ...falLook,
      ],
      standing: () => [
        ...(work()?.redisFaults() ?? []),
        ...(work()?.running() === true ? [] : ['not every worker runs']),
      ],
      clean: redactor([...secretsOf(environment), ...stack.secrets]),
      clock: systemClock,
    });
    closers.use(health);
    return {
      address: health.address,
      stopping: () => health.stopping(),
      [Symbol.asyncDispose]: () => closers[Symbol.asyncDispose](),
    };
  } catch (error) {
    await closers[Symbol.asyncDispose]();
    throw error;
  }
}

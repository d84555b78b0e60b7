import { openStack, openStore, type Stack } from '../../app/connections.ts';
import { openShop } from '../../app/open-services.ts';
import { needsKey, startWork, type Work } from '../../app/worker.ts';
import { openWorkerHealth } from '../../app/worker-health.ts';
import { once } from '../../operations/doctor/check.ts';
import { encryptionWarnings } from '../../operations/doctor/encryption.ts';
import { assertUsable, unusable } from '../../operations/doctor/preflight.ts';
import type { Role } from '../../shared/base/choices.ts';
import type { Config } from '../../shared/base/config.ts';
import { Closers } from '../../shared/base/disposables.ts';
import { UserError } from '../../shared/base/errors.ts';
import type { Logger } from '../../shared/base/log.ts';
import { defaultModelOf } from '../../shared/models/default-model.ts';
import { defaultRegistry } from '../../shared/models/registry.ts';
import { shippedRecipesFolder } from '../../shared/pictures/recipes.ts';
import { openRedis } from '../../shared/redis/redis.ts';
import { tryRights } from '../../shared/redis/rights.ts';
import { marginWarnings } from '../../shared/requests/absence.ts';
import { type Context, configOf, EXIT, type Exit, openLog } from '../context.ts';
import { connectionsOf } from '../encryption.ts';

export interface WorkerArguments {
  readonly roles: ReadonlySet<Role>;
  readonly concurrency?: number;
  readonly simulate?: true;
}

/** `worker`: runs until SIGTERM or SIGINT, then parks what is in hand, within 2 seconds. */
export async function workerCommand(
  context: Context,
  { roles, concurrency, simulate }: WorkerArguments,
): Promise<Exit> {
  const { signal, environment } = context;
  const config = configOf(context);
  await using opened = await openTold(context, config, {
    simulate: simulate === true,
    paying: needsKey(roles),
  });
  const stack = concurrency === undefined ? opened : { ...opened, fal: { ...opened.fal, concurrency } };
  const log = openLog(context, config, { detail: 'full', secrets: stack.secrets });
  const warnings = [
    ...(await lookAt(context, config, { stack, roles, log })),
    ...encryptionWarnings(connectionsOf(context, config, stack)),
    ...marginWarnings(config.fal.unknownMarginS, defaultRegistry().models),
  ];
  for (const warning of warnings) log.warn({ warning }, 'worth mending');

  await using shop = await openShop(stack, config, log, { onDemoted: 'resend' });
  let work: Work | undefined;
  const around = { config, environment, stack, shop, roles };
  await using health = await openWorkerHealth({ ...around, work: () => work });
  if (health !== undefined) log.info({ address: health.address }, 'health port open');
  {
    await using started = await startWork({ shop, stack, config, roles, environment, log });
    work = started;
    const { simulated } = stack;
    log.info({ roles: [...roles], concurrency: stack.fal.concurrency, simulated }, 'worker started');
    await untilToldToStop(signal, stack.lost);
    health?.stopping();
    log.info('worker stopping; what is in hand is parked');
  }
  log.info('worker stopped');
  return EXIT.ok;
}

/** A missing key is told together with a missing address. */
async function openTold(
  { cwd, signal }: Context,
  config: Config,
  { simulate, paying }: { readonly simulate: boolean; readonly paying: boolean },
): Promise<Stack> {
  try {
    return await openStack({ config, simulate, redis: 'needed', embedded: 'only-simulated', cwd, signal });
  } catch (error) {
    const missing = error instanceof UserError && error.code === 'not_configured';
    if (missing && paying && config.fal.key === undefined)
      throw unusable(['Set FAL_KEY, the key that pays.', error.message]);
    throw error;
  }
}

/** On connections of its own, closed again: the shop opens only where all is well. Resolves to the warnings. */
async function lookAt(
  { signal, clock }: Context,
  config: Config,
  { stack, roles, log }: { readonly stack: Stack; readonly roles: ReadonlySet<Role>; readonly log: Logger },
): Promise<readonly string[]> {
  const registry = defaultRegistry();
  await using opened = new Closers();
  const redis = once(async () => {
    if (stack.redisUrl === undefined) throw new UserError('not_configured', 'Set REDIS_URL.');
    const connection = await openRedis(stack.redisUrl);
    opened.defer(() => connection.disconnect());
    return connection;
  });
  return await assertUsable({
    redis: async () => await redis(signal),
    redisRights: async () => await tryRights({ redis: await redis(signal), prefix: stack.prefix }),
    store: async () => opened.use(await openStore(stack.store, log)),
    hasKey: stack.fal.key !== undefined || !needsKey(roles),
    recipesFolder: shippedRecipesFolder(),
    models: [defaultModelOf(registry, config.defaultModel, clock()).model],
    registry,
    clock,
    signal,
  });
}

/** Rejects when the embedded Redis is gone, since nothing can be done without it. */
function untilToldToStop(signal: AbortSignal, lost: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stopped = () => resolve();
    const gone = () => reject(lost?.reason);
    if (signal.aborted) stopped();
    if (lost?.aborted === true) gone();
    signal.addEventListener('abort', stopped, { once: true });
    lost?.addEventListener('abort', gone, { once: true });
  });
}

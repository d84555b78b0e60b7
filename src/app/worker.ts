import { extname } from 'node:path';
import { createRegenerate } from '../operations/retake/regenerating.ts';
import type { Shop } from '../operations/services.ts';
import type { ListProcess } from '../producer/child/check-in-child.ts';
import { environmentFor } from '../shared/base/child-env.ts';
import type { Role } from '../shared/base/choices.ts';
import { type Config, type Environment, secretsOf } from '../shared/base/config.ts';
import { Closers } from '../shared/base/disposables.ts';
import { UserError } from '../shared/base/errors.ts';
import { type Logger, redactor } from '../shared/base/log.ts';
import { openMediaOutbound, openOutbound } from '../shared/base/outbound.ts';
import { settlesWithin, sleep, systemClock } from '../shared/base/time.ts';
import { createFalPlatform } from '../shared/fal/history.ts';
import { createFalHttp, type FalHttp, openFalSockets } from '../shared/fal/http.ts';
import { POST_WINDOW_MS } from '../shared/fal/limits.ts';
import { createFalQueue } from '../shared/fal/queue.ts';
import { defaultRegistry, type Registry } from '../shared/models/registry.ts';
import { startHeartbeat } from '../shared/redis/heartbeat.ts';
import { Latencies } from '../shared/redis/latencies.ts';
import { Doors } from '../shared/requests/doors.ts';
import { createHouse } from '../shared/requests/steps.ts';
import { UndecidedRequests } from '../shared/requests/undecided.ts';
import { keyMarkOf } from '../shared/store/keys.ts';
import { listVariants } from '../shared/takes/originals.ts';
import { createNotice, startCatchingUp } from '../worker/catching-up.ts';
import { createCollect } from '../worker/collect/collect.ts';
import { createBook } from '../worker/collect/cost.ts';
import { createReadResult } from '../worker/collect/result.ts';
import { createEnding } from '../worker/completion/completion.ts';
import { createPostWebhook } from '../worker/completion/webhook.ts';
import { createFairness } from '../worker/fairness.ts';
import { createGenerate } from '../worker/generate/generate.ts';
import { createResolveUnknown } from '../worker/generate/lost-answers.ts';
import { createReadings } from '../worker/generate/readings.ts';
import { createWaker } from '../worker/generate/waker.ts';
import { startLookingLater } from '../worker/later-looks.ts';
import { createOddJobs } from '../worker/odd-jobs.ts';
import { startPatience } from '../worker/patience.ts';
import { startRedisLook } from '../worker/redis-look.ts';
import { startWitness } from '../worker/redis-watch.ts';
import { startSweeping, sweep } from '../worker/sweep.ts';
import { startWorkers, type Timing, type Workers } from '../worker/workers.ts';
import type { Stack } from './connections.ts';
import { createPaidPictures } from './paid-pictures.ts';
import { RENDER_STACK, renderStackOf } from './render-stack.ts';
import { openScheduling } from './scheduling.ts';

/** Whether these roles ask fal anything: rendering and schedules send nothing. */
export function needsKey(roles: ReadonlySet<Role>): boolean {
  return roles.has('generate') || roles.has('collect');
}

export interface WorkOptions {
  readonly shop: Shop;
  readonly stack: Stack;
  readonly config: Config;
  readonly roles: ReadonlySet<Role>;
  readonly environment: Environment;
  readonly log: Logger;
  readonly registry?: Registry;
  /** For tests, which cannot wait half a minute: how long after its intent a POST may still leave. */
  readonly postWindowMs?: number;
  /** For tests, which cannot wait for a dead worker's locks: how long they hold, and how often it is swept. */
  readonly timing?: Timing & { readonly sweepMs: number };
  /** How fal is spoken to; default: over HTTP. */
  readonly http?: FalHttp;
  /** In [0, 1), for the jitter of every backoff; tests that wait for many of them answer 0. */
  readonly random?: () => number;
  /** The process that reads and checks a scheduled list; default: the one that ships. */
  readonly lists?: ListProcess;
}

/** Requests whose result, fetch or store is under way at once in one worker; each holds one picture in memory. */
const COLLECT_CONCURRENCY = 16;
/** Manifests and webhooks under way at once: a large manifest must not keep a small batch's webhook waiting. */
const ENDINGS_CONCURRENCY = 4;
/** Limit of one call of fal; the largest answers are data URIs. */
const FAL_TIMEOUT_MS = 30_000;
/** A POST under way at shutdown may still be answered within this time. */
const GRACE_MS = 1_000;
const GOODBYE_MS = 100;

export interface Work extends AsyncDisposable {
  running(): boolean;
  /** Why this worker cannot work with its Redis, in sentences; empty where it can. */
  redisFaults(): readonly string[];
}

/** Starts one worker process's roles over an opened shop. Disposing parks what is in hand, within about 2 seconds. */
export async function startWork({
  shop,
  stack,
  config,
  roles,
  environment,
  log,
  registry = defaultRegistry(),
  postWindowMs = POST_WINDOW_MS,
  random = Math.random,
  ...given
}: WorkOptions): Promise<Work> {
  const { redis, store, journal, queues, batches, endpointStops, records, memory, ended, held } = shop;
  const { prefix, redisUrl: url, fal } = stack;
  if (url === undefined) throw new UserError('not_configured', 'Set REDIS_URL.');
  if (fal.key === undefined && needsKey(roles))
    throw new UserError('no_key', 'Set FAL_KEY, or try it without paying: --simulate.');
  // Without those roles none of the steps that send it is started.
  const key = fal.key ?? '';
  // Before anything is begun, and before anything that would have to be closed.
  await memory.open();
  const clock = systemClock;
  const closers = new Closers();
  const onDemoted = () => {
    redis.del(`${prefix}:probe`).catch(() => undefined);
    queues.reconnect();
    workers.reconnect();
  };
  const look = await startRedisLook({ url, prefix, onDemoted, log, clock });
  closers.defer(() => settlesWithin(look.stop(), GOODBYE_MS));
  const agent = openFalSockets();
  closers.defer(() => agent.close());
  const hooks = openOutbound({ hosts: config.webhookHosts, setting: 'WEBHOOK_HOSTS' });
  closers.defer(() => hooks.close());
  const media = openMediaOutbound(fal.mediaHosts);
  closers.defer(() => media.close());
  const http = given.http ?? createFalHttp({ agent, clock });
  const queue = createFalQueue({ http, key, queueUrl: fal.queueUrl, timeoutMs: FAL_TIMEOUT_MS });
  const platform = createFalPlatform({ http, key, apiUrl: fal.apiUrl, timeoutMs: FAL_TIMEOUT_MS, clock });
  const readings = createReadings({ platform, clock });
  closers.defer(readings.close);
  const add = queues.add.bind(queues);
  const clean = redactor([...secretsOf(environment), ...stack.secrets]);
  const patience = startPatience({ waits: shop.waits, clean, clock, log });
  closers.defer(() => settlesWithin(patience.stop(), GOODBYE_MS));
  const house = createHouse({
    records,
    batches,
    endpointStops,
    journal,
    registry,
    add,
    pauseSubmits: () => queues.pauseGenerate(),
    ended,
    held,
    turnedAway: createNotice({ batches, log }),
    clean,
    clock,
    log,
  });
  const pictures = createPaidPictures({
    shop,
    house,
    queue,
    platform,
    outbound: media,
    mediaHosts: fal.mediaHosts,
    patienceMs: fal.mediaPatienceS * 1_000,
    clock,
    log,
  });
  const keyMark = keyMarkOf(key);
  const undecided = new UndecidedRequests({ redis, prefix });
  const waker = createWaker({ undecided, queues, batches, sleep, log });
  closers.defer(waker.close);
  const generate = createGenerate({
    house,
    records,
    journal,
    queue,
    latencies: new Latencies({ redis, prefix }),
    variants: (shotKey, signal) => listVariants(store, shotKey, signal),
    fetchPaid: pictures.fetchBeforePaying,
    slowDown: (ms) => queues.slowDown(ms),
    doors: new Doors({ redis, prefix, clock }),
    answered: waker.answered,
    keyMark,
    countLocked: (endpoint, answer) => endpointStops.countLocked(endpoint, answer),
    startTimeoutS: fal.startTimeoutS,
    postWindowMs,
    graceMs: GRACE_MS,
    clock,
    sleep,
    random,
    patience,
    log,
  });
  const fairness = createFairness({ redis, prefix, queues, clock, log });
  const { startTimeoutS, unknownMarginS } = fal;
  const collect = createCollect({
    house,
    records,
    journal,
    readResult: createReadResult({ house, records, journal, queue, platform, clock, random, log }),
    resolveUnknown: createResolveUnknown({
      house,
      records,
      journal,
      undecided,
      readings,
      keyMark,
      startTimeoutS,
      unknownMarginS,
      postWindowMs,
      clock,
      log,
    }),
    book: createBook({ house, journal, simulated: stack.simulated, log }),
    fetchPictures: pictures.fetchPictures,
    clock,
  });

  if (roles.has('generate')) await queues.limitGenerate(fal);
  const lookMs = given.timing?.sweepMs;
  const scheduling = roles.has('schedule')
    ? closers.use(
        openScheduling({
          url,
          shop,
          stack,
          config,
          environment,
          log,
          lists: given.lists,
          ...(lookMs === undefined ? {} : { lookMs }),
        }),
      )
    : undefined;
  const heartbeat = await startHeartbeat({ attendance: shop.attendance, roles: [...roles], log });
  closers.defer(() => settlesWithin(heartbeat.stop(), GOODBYE_MS));
  const workers: Workers = startWorkers({
    onError: createOddJobs({ redis, prefix, log }),
    url,
    prefix,
    schedule: scheduling?.step,
    generate: roles.has('generate')
      ? {
          step: async (request, signal) => {
            await fairness(signal);
            await generate(request, signal);
          },
          concurrency: fal.concurrency,
        }
      : undefined,
    collect: roles.has('collect') ? { step: collect, concurrency: COLLECT_CONCURRENCY } : undefined,
    endings: roles.has('collect')
      ? {
          step: createEnding({
            store,
            journal,
            batches,
            endpointStops,
            records,
            post:
              config.webhookSecret === undefined
                ? undefined
                : createPostWebhook({ outbound: hooks, secret: config.webhookSecret, clock }),
            add: queues.addEnding.bind(queues),
            regenerate: createRegenerate(shop, registry, log),
            clock,
            log,
          }),
          concurrency: ENDINGS_CONCURRENCY,
        }
      : undefined,
    render: roles.has('render')
      ? {
          file: renderChild(),
          environment: {
            ...environmentFor(stack.store.kind === 's3' ? 'node-with-s3' : 'node', environment),
            [RENDER_STACK]: renderStackOf(stack, config, log.level),
          },
          execArgv: extname(import.meta.url) === '.ts' ? ['--import', import.meta.resolve('tsx')] : [],
          concurrency: config.renderConcurrency,
        }
      : undefined,
    patience,
    log,
    ...(given.timing === undefined ? {} : { timing: given.timing }),
  });
  const witness = startWitness({
    memory,
    house,
    batches,
    resumeSubmits: () => queues.resumeGenerate(),
    limitSubmits: async () => {
      if (roles.has('generate')) await queues.limitGenerate(fal);
    },
    sweep: () => sweep({ redis, prefix, batches, records, add, ended, held, log }),
    log,
  });
  // These two may be waiting for an answer of a Redis that is away.
  closers.defer(() => settlesWithin(witness.stop(), GOODBYE_MS));
  closers.defer(() => workers.close());
  scheduling?.start();
  if (roles.has('collect')) {
    const sweeping = startSweeping({
      queues,
      redis,
      prefix,
      batches,
      records,
      add,
      ended,
      held,
      log,
      ...(given.timing === undefined ? {} : { everyMs: given.timing.sweepMs }),
    });
    closers.defer(() => settlesWithin(sweeping.stop(), GOODBYE_MS));
    const looking = startLookingLater({
      redis,
      prefix,
      lookAgain: pictures.lookAgain,
      log,
      ...(given.timing === undefined ? {} : { everyMs: given.timing.sweepMs }),
    });
    closers.defer(() => settlesWithin(looking.stop(), GOODBYE_MS));
    const catching = startCatchingUp({ batches, records, queues, ended, redis, prefix, log });
    closers.defer(() => settlesWithin(catching.stop(), GOODBYE_MS));
  }
  return {
    running: () => workers.running(),
    redisFaults: () => [...new Set([...look.faults(), ...workers.refusals()])],
    [Symbol.asyncDispose]: () => closers[Symbol.asyncDispose](),
  };
}

/** The built file runs beside this one; from source it is TypeScript, which a child loads through tsx. */
function renderChild(): URL {
  return new URL(`./render-child-main${extname(import.meta.url)}`, import.meta.url);
}

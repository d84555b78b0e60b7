import { setTimeout as delay } from 'node:timers/promises';
import type { Environment } from '../../src/shared/base/config.ts';
import { silentLogger } from '../../src/shared/base/log.ts';
import { isAtRest, printLogs, untilAtRest } from './at-rest.ts';
import { type Findings, inspectStage, type Wanted } from './invariants.ts';
import { addPointsFaults, POINTS_LIST, POINTS_WANTED } from './lists.ts';
import type { Mutation } from './mutations.ts';
import type { OperationName } from './operations.ts';
import { type Death, tapOf } from './points.ts';
import { type ChaosProcess, untilDead } from './processes.ts';
import { produce } from './produce.ts';
import type { List } from './spec.ts';
import { openStage, type Stage } from './stage.ts';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';

/** Where the deaths of one run happen: in workers one after the other, in the producer, or in a person's command. */
export interface Crash {
  readonly process: 'worker' | 'producer' | OperationName;
  readonly deaths: readonly Death[];
}

export interface CrashOutcome extends Findings {
  /** Deaths that came to pass. */
  readonly reached: number;
  /** From the last death to rest. */
  readonly recoveryMs: number;
}

export interface CrashOptions {
  readonly redisUrl: string;
  readonly mutation?: Mutation;
  readonly list?: List;
  readonly wanted?: Wanted;
  /** Further faults of fal. */
  readonly prepare?: (stage: Stage) => void;
  /** When a stopped process goes on as a zombie; default: when its locks are long over. */
  readonly zombieWakes?: (stage: Stage) => Promise<void>;
  readonly postWindowMs?: number;
  readonly falLatencyMs?: number;
  readonly capMicroUsd?: number;
  /** A stopped process wakes cut off from Redis, and is connected again some time after. */
  readonly wakesCutOff?: true;
  readonly restLimitMs?: number;
}

/** Longer than a busy machine needs to bring a woken process as far as its POST. */
const CUT_OFF_MS = 6_000;

/** The points that one undisturbed run goes through, in their order; `hits`: how often each. */
export async function recordPoints(
  redisUrl: string,
  list: List = POINTS_LIST,
): Promise<{
  readonly worker: ReadonlyMap<string, number>;
  readonly producer: ReadonlyMap<string, number>;
}> {
  await using stage = await openStage({ redisUrl });
  if (list === POINTS_LIST) addPointsFaults(stage.fal);
  const producer = new Map<string, number>();
  const worker = new Map<string, number>();
  const into = (hits: Map<string, number>) => (point: string) => {
    hits.set(point, (hits.get(point) ?? 0) + 1);
  };
  const spec = { ...stage.spec(), list, operations: 'pause-and-resume' as const };
  await produce(spec, tapOf([], into(producer)), silentLogger);
  await using _lifting = await stage.startLifting();
  await using _healthy = await stage.startHealthy(tapOf([], into(worker)));
  await untilAtRest(stage, [list.batch]);
  return { worker, producer };
}

/** One list, processes that die where they are told, and then a healthy worker; what is left is looked at from outside. */
export async function runCrash(crash: Crash, options: CrashOptions): Promise<CrashOutcome> {
  const { redisUrl, mutation, list = POINTS_LIST, wanted = POINTS_WANTED } = options;
  await using proxy = await startTcpProxy(Number(new URL(redisUrl).port));
  await using stage = await openStage({
    redisUrl,
    ...(options.postWindowMs === undefined ? {} : { postWindowMs: options.postWindowMs }),
    ...(options.capMicroUsd === undefined ? {} : { dailyCapMicroUsd: options.capMicroUsd }),
    ...(options.falLatencyMs === undefined ? {} : { fal: { latencyMs: options.falLatencyMs } }),
  });
  if (options.list === undefined) addPointsFaults(stage.fal);
  options.prepare?.(stage);
  // What a trap breaks may stop all submits for good reason; that stop must stand.
  await using _lifting = mutation === undefined ? await stage.startLifting() : undefined;
  const zombies: ChaosProcess[] = [];
  let reached = 0;
  let lastDeathMs = performance.now();

  const die = async (started: ChaosProcess, over: () => Promise<boolean>) => {
    if (!(await untilDead(started, over))) return;
    reached += 1;
    lastDeathMs = performance.now();
    if (started.isStopped()) zombies.push(started);
  };

  if (crash.process === 'producer') {
    const producer = await stage.startProcess('producer', {
      deaths: crash.deaths,
      list,
      operations: 'pause-and-resume',
    });
    await die(producer, async () => producer.hasEnded());
  }
  await produce(
    {
      ...stage.spec(),
      list,
      operations: crash.process === 'producer' ? 'pause-and-resume' : 'none',
    },
    tapOf([]),
    silentLogger,
  );
  if (crash.process === 'worker') {
    for (const death of crash.deaths) {
      const worker = await stage.startProcess('worker', {
        deaths: [death],
        mutation,
        ...(options.wakesCutOff === undefined ? {} : { settings: behind(proxy, stage) }),
      });
      await die(worker, () => isAtRest(stage, [list.batch]));
      if (!worker.isStopped()) worker.signal('SIGKILL');
    }
    // A mutation that needs no death is at work until all is done.
    if (mutation !== undefined && crash.deaths.length === 0) {
      await stage.startProcess('worker', { mutation });
      await untilAtRest(stage, [list.batch], options.restLimitMs);
    }
  }
  await using _healthy = await stage.startHealthy();
  if (zombies.length > 0) {
    await (options.zombieWakes?.(stage) ?? delay(4_000));
    if (options.wakesCutOff !== undefined) proxy.swallow();
    for (const zombie of zombies) zombie.signal('SIGCONT');
    if (options.wakesCutOff !== undefined) {
      await delay(CUT_OFF_MS);
      proxy.heal();
    }
  }
  const rested = await untilAtRest(stage, [list.batch], options.restLimitMs);
  const recoveryMs = performance.now() - lastDeathMs;
  // A zombie still has its last words.
  if (zombies.length > 0) {
    await delay(1_500);
    await untilAtRest(stage, [list.batch]);
    for (const zombie of zombies) zombie.signal('SIGKILL');
  }
  const findings = await inspectStage(stage, [wanted]);
  if (findings.violations.length > 0 && process.env['CHAOS_LOGS'] !== undefined) await printLogs(stage);
  return {
    ...findings,
    violations: [...(rested ? [] : ['never came to rest']), ...findings.violations],
    reached,
    recoveryMs,
  };
}

function behind({ port }: TcpProxy, stage: Stage): Environment {
  const { settings } = stage.spec();
  const url = new URL(settings['REDIS_URL'] ?? '');
  url.port = String(port);
  return { ...settings, REDIS_URL: url.href };
}

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ShownInput } from '../../src/local/fal/history-view.ts';
import { randomOf } from '../../src/local/fal/random.ts';
import { startRedis } from '../../src/local/redis.ts';
import { Closers } from '../../src/shared/base/disposables.ts';
import { messageOf } from '../../src/shared/base/errors.ts';
import { silentLogger } from '../../src/shared/base/log.ts';
import { printLogs, untilAtRest } from './at-rest.ts';
import { Fleet, late } from './fleet.ts';
import { inspectStage, type Wanted } from './invariants.ts';
import type { Mutation } from './mutations.ts';
import { type Operator, openOperator } from './operator.ts';
import { tapOf } from './points.ts';
import { produce } from './produce.ts';
import { RestartableRedis } from './restartable-redis.ts';
import { type Action, STOPS, scheduleOf } from './schedule.ts';
import type { List } from './spec.ts';
import { openStage, type Stage } from './stage.ts';
import { type Summary, summaryOf } from './summary.ts';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';

export interface NemesisOptions {
  readonly seed: string;
  readonly durationMs: number;
  readonly mutation?: Mutation;
  readonly say?: (line: string) => void;
}

const REST_LIMIT_MS = 180_000;
/** Of what all lists could cost: so that the day's cap is met before the end. */
const DAILY_CAP_MICRO_USD_PER_LIST = 60_000;
const DEAD_FOR_MS = 700;
/** How fal's list shows what was POSTed: mostly so that it can be told. */
const SHOWN = [
  'as-posted',
  'as-posted',
  'filled',
  'filled',
  'retyped',
  'filled-wrongly',
  'shortened',
  'hidden',
] as const satisfies readonly ShownInput[];
/** In place of a batch. */
const EVERYTHING = '';

/** Three workers and a producer under a seeded schedule of faults; then everything is healed, and must come to rest. */
export async function runNemesis({
  seed,
  durationMs,
  mutation,
  say = () => undefined,
}: NemesisOptions): Promise<Summary> {
  const startedMs = performance.now();
  const schedule = scheduleOf(durationMs, randomOf(`${seed} schedule`));
  const lists = schedule.filter(({ action }) => 'list' in action).length;
  await using closers = new Closers();
  const folder = await mkdtemp(join(tmpdir(), 'shotlist-chaos-redis-'));
  closers.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  const redis = closers.use(new RestartableRedis(await startRedis({ folder }), folder));
  const proxy = closers.use(await startTcpProxy(redis.server.port));
  const stage = closers.use(
    await openStage({
      redisUrl: `redis://:${redis.server.password}@127.0.0.1:${proxy.port}`,
      directRedisUrl: redis.server.url,
      dailyCapMicroUsd: lists * DAILY_CAP_MICRO_USD_PER_LIST,
      // Faults that come together must not outlast it: a sturdy row is delivered. Between two looks a worker may be stopped
      // and Redis away, some 15 s in all (seed n4).
      // Lists are short: so that some of them are held since their rows fail together.
      settings: { MEDIA_PATIENCE_S: '30', STOP_AFTER_FAILURES: '2' },
      fal: {
        slots: 4,
        seed,
        latencyMs: (_input, random) => 30 + random() * 400,
        // Each entry of the list in a way and at a time of its own.
        listInput: (_input, random) => SHOWN[Math.floor(random() * SHOWN.length)] ?? 'as-posted',
        listLagMs: (_input, random) => random() * 600,
      },
    }),
  );
  const fleet = new Fleet(stage, {
    mutation,
    flaky: { seed, rate: 0.03, untilMs: Date.now() + durationMs },
  });
  const direct = {
    ...stage.spec(),
    settings: { ...stage.spec().settings, REDIS_URL: redis.server.url },
  };
  const operator = closers.use(await openOperator(direct));
  const run = new Nemesis({ stage, redis, proxy, fleet, operator, say });
  await fleet.startAll();
  const beganMs = performance.now();
  for (const { atMs, action } of schedule) {
    await delay(Math.max(0, atMs - (performance.now() - beganMs)));
    run.act(action, atMs);
  }
  await delay(Math.max(0, durationMs - (performance.now() - beganMs)));

  await run.heal();
  const healedMs = performance.now();
  // A person runs the same command again after a producer has died.
  for (const list of run.lists) {
    await produce({ ...direct, list, operations: 'none' }, tapOf([]), silentLogger);
  }
  await operator.resumeAll();
  for (const { batch } of run.lists) {
    // Nothing takes a cancelling back.
    if ((await stage.batches.read(batch))?.word !== 'cancelled') await operator.resume(batch);
  }
  const batches = run.lists.map(({ batch }) => batch);
  const rested = await untilAtRest(stage, batches, REST_LIMIT_MS);
  const recoveryMs = performance.now() - healedMs;
  await fleet.stopAll();
  const findings = await inspectStage(stage, run.wanted);
  const violations = [...(rested ? [] : ['never came to rest']), ...findings.violations];
  if (violations.length > 0 && process.env['CHAOS_LOGS'] !== undefined) await printLogs(stage);
  return summaryOf({
    kind: 'nemesis',
    seed,
    points: 0,
    faults: run.faults,
    findings: [{ ...findings, violations }],
    recoveriesMs: [recoveryMs],
    elapsedMs: performance.now() - startedMs,
  });
}

interface NemesisDeps {
  readonly stage: Stage;
  readonly redis: RestartableRedis;
  readonly proxy: TcpProxy;
  readonly fleet: Fleet;
  readonly operator: Operator;
  readonly say: (line: string) => void;
}

class Nemesis {
  readonly lists: List[] = [];
  readonly wanted: Wanted[] = [];
  readonly faults: Record<string, number> = {};
  readonly #deps: NemesisDeps;
  readonly #pending = new Set<Promise<void>>();
  readonly #removers: (() => void)[] = [];
  /** How often Redis forgot something, and how much of that was rebuilt. */
  #losses = 0;
  #restored = 0;

  constructor(deps: NemesisDeps) {
    this.#deps = deps;
  }

  /** Begins it and does not wait: actions overlap. */
  act(action: Action, atMs: number): void {
    const name = action.kind === 'fal' ? `fal ${action.fault.on} ${action.fault.kind}` : action.kind;
    const kind = action.kind === 'fal' ? `fal-${action.fault.on}` : action.kind;
    if (kind !== 'enqueue') this.faults[kind] = (this.faults[kind] ?? 0) + 1;
    this.#deps.say(`${(atMs / 1_000).toFixed(1)} s ${name}`);
    const pending = this.#do(action)
      .catch((error: unknown) => this.#deps.say(`  ${name}: ${messageOf(error)}`))
      .finally(() => this.#pending.delete(pending));
    this.#pending.add(pending);
  }

  async heal(): Promise<void> {
    await Promise.all(this.#pending);
    const { stage, redis, proxy, fleet, operator } = this.#deps;
    await redis.settled();
    proxy.heal();
    for (const remove of this.#removers) remove();
    // A picture that was refused before that stops all submits until a user resumes.
    if ((await stage.batches.stopped())?.code === 'media_refused') await operator.resumeAll();
    // A rebuild may have met another fault.
    while (this.#losses > this.#restored || (await operator.mustRebuild())) await this.#rebuild();
    await fleet.healAll();
  }

  async #do(action: Action): Promise<void> {
    const { stage, redis, proxy, fleet, operator } = this.#deps;
    switch (action.kind) {
      case 'SIGKILL':
      case 'SIGTERM': {
        const worker = fleet.at(action.worker);
        worker?.signal('SIGCONT');
        worker?.signal(action.kind);
        await Promise.race([worker?.ended, late(5_000)]);
        worker?.signal('SIGKILL');
        await worker?.ended;
        await delay(DEAD_FOR_MS);
        if (fleet.at(action.worker) === worker) await fleet.start(action.worker);
        return;
      }
      case 'SIGSTOP': {
        const worker = fleet.at(action.worker);
        worker?.signal('SIGSTOP');
        await delay(action.forMs);
        worker?.signal('SIGCONT');
        return;
      }
      case 'child-killed': {
        for (const pid of fleet.at(0)?.children() ?? []) killIfThere(pid);
        return;
      }
      case 'redis-killed':
        await redis.kill(action.forMs);
        return;
      case 'redis-flushed':
        await redis.flush();
        await this.#rebuildAfter(action.forMs);
        return;
      case 'redis-went-back': {
        const saved = await redis.save();
        await delay(action.backMs);
        await redis.goBack(saved);
        this.#deps.say(`  Redis is what it was ${action.backMs} ms ago`);
        await this.#rebuildAfter(action.forMs);
        return;
      }
      case 'redis-cut':
        proxy.cut();
        break;
      case 'redis-half-open':
        proxy.swallow();
        break;
      case 'redis-replies-lost':
        proxy.loseReplies();
        break;
      case 'redis-slow':
        proxy.delay(150);
        break;
      case 'fal': {
        const remove = stage.fal.faults.add(action.fault);
        this.#removers.push(remove);
        if (!STOPPING.includes(action.fault.kind)) return;
        await delay(2_500);
        remove();
        await operator.resumeAll();
        return;
      }
      case 'pause':
        await operator.pause(action.batch);
        await delay(action.forMs);
        await operator.resume(action.batch);
        return;
      case 'cancel':
        await operator.give('cancel', action.batch);
        return;
      case 'enqueue':
      case 'enqueue-killed': {
        this.lists.push(action.list);
        this.wanted.push(action.wanted);
        const producer = await stage.startProcess('producer', { list: action.list, operations: 'none' });
        if (action.kind === 'enqueue-killed') {
          await delay(1_200 + (action.list.rows.length % 5) * 100);
          producer.signal('SIGKILL');
        }
        await Promise.race([producer.ended, late(15_000)]);
        producer.signal('SIGKILL');
        return;
      }
    }
    await delay(action.forMs);
    proxy.heal();
  }

  async #rebuildAfter(ms: number): Promise<void> {
    this.#losses += 1;
    await delay(ms);
    await this.#rebuild();
    await this.#deps.fleet.startEnded();
  }

  /** Who lost a Redis knows, whatever the program has noticed: what was lost after this began is not restored by it. */
  async #rebuild(): Promise<void> {
    const losses = this.#losses;
    await this.#deps.operator.give('rebuild', EVERYTHING);
    this.#restored = losses;
  }
}

/** What waits for a user's resume: beside the stops by an answer to a submit, a media host that the settings refuse. */
const STOPPING: readonly string[] = [...STOPS, 'redirect', 'other-host'];

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone in this moment.
  }
}

import pMap from 'p-map';
import { type Random, randomOf } from '../../src/local/fal/random.ts';
import { type Crash, type CrashOutcome, recordPoints, runCrash } from './crash-points.ts';
import { PAIRS_LIST, pairsWanted } from './lists.ts';
import { recordOperation, runOperationCrash } from './operation-crashes.ts';
import { OPERATIONS, type OperationName } from './operations.ts';
import { isRendering, killsAt, pairsOf, sample, stopsAt } from './plan-crashes.ts';
import { type Summary, summaryOf } from './summary.ts';

export interface PointsOptions {
  readonly redisUrl: string;
  readonly seed: string;
  /** Of the single points of workers and producers, how many; undefined: all. */
  readonly points: number | undefined;
  /** Of those of a person's commands. */
  readonly commands: number | undefined;
  /** Of the ordered pairs, how many. */
  readonly pairs: number;
  /** Runs at once; each is mostly waiting. */
  readonly concurrency: number;
  /** No run begins later than this. */
  readonly limitMs?: number;
  readonly onRun?: (done: number, of: number, crash: Crash, outcome: CrashOutcome) => void;
}

/** Kills and stops real processes at the points of the protocol, and looks at what is left. */
export async function runPoints(options: PointsOptions): Promise<Summary> {
  const { redisUrl, seed, concurrency, limitMs = Number.POSITIVE_INFINITY } = options;
  const startedMs = performance.now();
  const random = randomOf(`${seed} points`);
  const planned = await planRuns(options, random);
  const begun: Crash[] = [];
  const outcomes: CrashOutcome[] = [];
  await pMap(
    planned.crashes,
    async (crash) => {
      if (performance.now() - startedMs > limitMs) return;
      begun.push(crash);
      const outcome = await run(crash, redisUrl);
      outcomes.push(outcome);
      options.onRun?.(outcomes.length, planned.crashes.length, crash, outcome);
    },
    { concurrency },
  );
  const faults: Record<string, number> = {};
  for (const { deaths } of begun) for (const { signal } of deaths) faults[signal] = (faults[signal] ?? 0) + 1;
  return summaryOf({
    kind: 'points',
    seed,
    points: planned.points,
    planned: planned.crashes.length,
    faults,
    findings: outcomes,
    recoveriesMs: outcomes.filter(({ reached }) => reached > 0).map(({ recoveryMs }) => recoveryMs),
    elapsedMs: performance.now() - startedMs,
  });
}

/** `points`: how many were found, those of each command by themselves. */
async function planRuns(
  { redisUrl, points, commands, pairs }: PointsOptions,
  random: Random,
): Promise<{ readonly crashes: readonly Crash[]; readonly points: number }> {
  const none = { worker: new Map<string, number>(), producer: new Map<string, number>() };
  const hits = points === 0 ? none : await recordPoints(redisUrl);
  const singles = (['worker', 'producer'] as const).flatMap((process) => [
    ...killsAt(process, hits[process], random),
    ...stopsAt(process, hits[process], random),
  ]);
  const ofCommands: Crash[] = [];
  let found = new Set([...hits.worker.keys(), ...hits.producer.keys()]).size;
  // In Object.keys the names are texts.
  for (const name of commands === 0 ? [] : (Object.keys(OPERATIONS) as OperationName[])) {
    const its = await recordOperation(name, redisUrl);
    found += its.size;
    ofCommands.push(...killsAt(name, its, random), ...stopsAt(name, its, random));
  }
  const ordered = pairs === 0 ? [] : pairsOf((await recordPoints(redisUrl, PAIRS_LIST)).worker);
  const some = (from: readonly Crash[], count: number | undefined) =>
    count === undefined ? from : sample(from, count, random);
  return {
    crashes: [...some(ofCommands, commands), ...some(singles, points), ...some(ordered, pairs)],
    points: found,
  };
}

async function run({ process, deaths }: Crash, redisUrl: string): Promise<CrashOutcome> {
  if (process !== 'worker' && process !== 'producer')
    return await runOperationCrash(process, deaths, redisUrl);
  const isPair = deaths.length > 1;
  return await runCrash(
    { process, deaths },
    {
      redisUrl,
      ...(isPair ? { list: PAIRS_LIST, wanted: pairsWanted(deaths.every(isRendering)) } : {}),
    },
  );
}

import pMap from 'p-map';
import { randomOf } from '../../src/local/fal/random.ts';
import { type Crash, type CrashOutcome, recordPoints, runCrash } from './crash-points.ts';
import { PAIRS_LIST, pairsWanted } from './lists.ts';
import { recordOperation, runOperationCrash } from './operation-crashes.ts';
import { OPERATIONS, type OperationName } from './operations.ts';
import { type Hits, isRendering, killsAt, pairsOf, sample, stopsAt } from './plan-crashes.ts';
import { type Summary, summaryOf } from './summary.ts';

export interface PointsOptions {
  /** As many runs side by side, each on the Redis of its lane; one may stand here more than once. */
  readonly lanes: readonly string[];
  readonly seed: string;
  /** Of the single points of workers and producers, how many; undefined: all. */
  readonly points: number | undefined;
  /** Of those of a person's commands. */
  readonly commands: number | undefined;
  /** Of the ordered pairs, how many. */
  readonly pairs: number;
  /** No run begins later than this. */
  readonly limitMs?: number;
  readonly onRun?: (done: number, of: number, crash: Crash, outcome: CrashOutcome) => void;
}

/** Kills and stops real processes at the points of the protocol, and looks at what is left. */
export async function runPoints(options: PointsOptions): Promise<Summary> {
  const { seed, limitMs = Number.POSITIVE_INFINITY } = options;
  const startedMs = performance.now();
  const planned = await planRuns(options);
  const begun: Crash[] = [];
  const outcomes: CrashOutcome[] = [];
  await inLanes(options.lanes, planned.crashes, async (crash, redisUrl) => {
    if (performance.now() - startedMs > limitMs) return;
    begun.push(crash);
    const outcome = await run(crash, redisUrl);
    outcomes.push(outcome);
    options.onRun?.(outcomes.length, planned.crashes.length, crash, outcome);
  });
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

/** Begun in their order, each on the first lane that is free; answered in their order. */
async function inLanes<T, R>(
  lanes: readonly string[],
  tasks: readonly T[],
  act: (task: T, redisUrl: string) => Promise<R>,
): Promise<R[]> {
  const free = [...lanes];
  return await pMap(
    tasks,
    async (task) => {
      const redisUrl = free.shift();
      if (redisUrl === undefined) throw new RangeError('more runs than lanes');
      try {
        return await act(task, redisUrl);
      } finally {
        free.push(redisUrl);
      }
    },
    { concurrency: lanes.length },
  );
}

const NONE: Hits = new Map();

/** `points`: how many were found, those of each command by themselves. */
async function planRuns({
  lanes,
  seed,
  points,
  commands,
  pairs,
}: PointsOptions): Promise<{ readonly crashes: readonly Crash[]; readonly points: number }> {
  // In Object.keys the names are texts.
  const names = commands === 0 ? [] : (Object.keys(OPERATIONS) as OperationName[]);
  const [single, pair, ...ofOperations] = await inLanes(
    lanes,
    [
      async (url: string) => (points === 0 ? { worker: NONE, producer: NONE } : await recordPoints(url)),
      async (url: string) =>
        pairs === 0 ? { worker: NONE, producer: NONE } : await recordPoints(url, PAIRS_LIST),
      ...names.map((name) => async (url: string) => ({
        worker: await recordOperation(name, url),
        producer: NONE,
      })),
    ],
    (record, url) => record(url),
  );
  const { worker = NONE, producer = NONE } = single ?? {};
  const deathsAt = (process: Crash['process'], hits: Hits) => {
    const random = (point: string) => randomOf(`${seed} ${process} ${point}`);
    return [...killsAt(process, hits, random), ...stopsAt(process, hits, random)];
  };
  const singles = [...deathsAt('worker', worker), ...deathsAt('producer', producer)];
  const ofCommands = names.flatMap((name, at) => deathsAt(name, ofOperations[at]?.worker ?? NONE));
  const ordered = pairsOf(pair?.worker ?? NONE);
  const found = new Set([...worker.keys(), ...producer.keys()]).size;
  return {
    crashes: [
      ...sample(ofCommands, commands, seed),
      ...sample(singles, points, seed),
      ...sample(ordered, pairs, seed),
    ],
    points: ofOperations.reduce((sum, { worker: hits }) => sum + hits.size, found),
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

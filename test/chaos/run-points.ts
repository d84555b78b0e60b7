import pMap from 'p-map';
import { randomOf } from '../../src/local/fal/random.ts';
import { type Crash, type CrashOutcome, recordPoints, runCrash } from './crash-points.ts';
import { PAIRS_LIST, pairsWanted } from './lists.ts';
import { isRendering, killsAt, pairsOf, sample, stopsAt } from './plan-crashes.ts';
import { type Summary, summaryOf } from './summary.ts';

export interface PointsOptions {
  readonly redisUrl: string;
  readonly seed: string;
  /** Of the single points, how many; undefined: all. */
  readonly points: number | undefined;
  /** Of the ordered pairs, how many. */
  readonly pairs: number;
  /** Runs at once; each is mostly waiting. */
  readonly concurrency: number;
  readonly onRun?: (done: number, of: number, crash: Crash, outcome: CrashOutcome) => void;
}

/** Kills and stops real processes at the points of the protocol, and looks at what is left. */
export async function runPoints(options: PointsOptions): Promise<Summary> {
  const { redisUrl, seed, concurrency } = options;
  const startedMs = performance.now();
  const random = randomOf(`${seed} points`);
  const hits = await recordPoints(redisUrl);
  const all = [
    ...killsAt('worker', hits.worker, random),
    ...killsAt('producer', hits.producer, random),
    ...stopsAt(hits.worker, random),
  ];
  const singles = options.points === undefined ? all : sample(all, options.points, random);
  const onOneWay = await recordPoints(redisUrl, PAIRS_LIST);
  const pairs = options.pairs === 0 ? [] : sample(pairsOf(onOneWay.worker), options.pairs, random);
  const crashes = [...singles, ...pairs];
  let done = 0;
  const outcomes = await pMap(
    crashes,
    async (crash) => {
      const isPair = crash.deaths.length > 1;
      const outcome = await runCrash(crash, {
        redisUrl,
        ...(isPair ? { list: PAIRS_LIST, wanted: pairsWanted(crash.deaths.every(isRendering)) } : {}),
      });
      done += 1;
      options.onRun?.(done, crashes.length, crash, outcome);
      return outcome;
    },
    { concurrency },
  );
  const faults: Record<string, number> = {};
  for (const { deaths } of crashes)
    for (const { signal } of deaths) faults[signal] = (faults[signal] ?? 0) + 1;
  return summaryOf({
    kind: 'points',
    seed,
    points: new Set([...hits.worker.keys(), ...hits.producer.keys()]).size,
    faults,
    findings: outcomes,
    recoveriesMs: outcomes.filter(({ reached }) => reached > 0).map(({ recoveryMs }) => recoveryMs),
    elapsedMs: performance.now() - startedMs,
  });
}

import type { Findings } from './invariants.ts';

/** What a whole run came to: one line of JSON, and one row of docs/guarantees.md. */
export interface Summary {
  readonly kind: 'points' | 'nemesis';
  readonly seed: string;
  readonly runs: number;
  /** Runs that there were to make; fewer were made where the time was over. */
  readonly planned?: number;
  /** Points that were found; of a nemesis 0. */
  readonly points: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly requests: number;
  readonly images: number;
  /** How requests ended: `delivered`, `held`, or a failure's code. */
  readonly ends: Readonly<Record<string, number>>;
  readonly paidTwice: number;
  readonly lost: number;
  readonly capBreaches: number;
  readonly ledgerDifferenceMicroUsd: number;
  /** Of the difference, what waits for fal's billing events. */
  readonly assumedMicroUsd: number;
  readonly recoveryMs: { readonly median: number; readonly longest: number };
  readonly elapsedS: number;
  readonly violations: readonly string[];
}

export function summaryOf(run: {
  readonly kind: Summary['kind'];
  readonly seed: string;
  readonly points: number;
  readonly planned?: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly findings: readonly Findings[];
  readonly recoveriesMs: readonly number[];
  readonly elapsedMs: number;
}): Summary {
  const sum = (of: (one: Findings) => number) => run.findings.reduce((total, one) => total + of(one), 0);
  const sorted = [...run.recoveriesMs].sort((a, b) => a - b);
  return {
    kind: run.kind,
    seed: run.seed,
    runs: run.findings.length,
    ...(run.planned === undefined ? {} : { planned: run.planned }),
    points: run.points,
    faults: run.faults,
    requests: sum(({ requests }) => requests),
    images: sum(({ images }) => images),
    ends: added(run.findings.map(({ ends }) => ends)),
    paidTwice: sum(({ paidTwice }) => paidTwice),
    lost: sum(({ lost }) => lost),
    capBreaches: sum(({ capBreaches }) => capBreaches),
    ledgerDifferenceMicroUsd: sum(({ ledgerDifferenceMicroUsd }) => ledgerDifferenceMicroUsd),
    assumedMicroUsd: sum(({ assumedMicroUsd }) => assumedMicroUsd),
    recoveryMs: {
      median: Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0),
      longest: Math.round(sorted.at(-1) ?? 0),
    },
    elapsedS: Math.round(run.elapsedMs / 1_000),
    violations: run.findings.flatMap(({ violations }) => violations),
  };
}

function added(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const one of counts)
    for (const [name, count] of Object.entries(one)) total[name] = (total[name] ?? 0) + count;
  return total;
}

import fc from 'fast-check';
import type { Mutation } from './protocol/mutations.ts';
import { type Choice, play } from './protocol/scheduler.ts';
import { type Schedule, scheduleOf } from './protocol/schedules.ts';
import type { World } from './protocol/world.ts';

export { MUTATIONS } from './protocol/mutations.ts';

export interface Exploration {
  readonly seed: number;
  readonly runs: number;
  /** The number of the first schedule of the seed; the next ones follow. */
  readonly first?: number;
  readonly mutation?: Mutation;
  /** Only whether something breaks, not the shortest way to it. */
  readonly unshrunk?: true;
  /** Called with the world of each schedule that kept every promise. */
  readonly onWorld?: (world: World) => void;
}

/** What broke, by which of the seed's schedules, and the shortest one found that breaks it. */
export interface Finding {
  readonly report: string;
  readonly nth: number;
  readonly scenario: Schedule['scenario'];
  readonly choices: readonly Choice[];
}

/** Plays `runs` schedules of the seed, until one breaks a promise. Deterministic. */
export function explore({
  seed,
  runs,
  first = 0,
  mutation,
  unshrunk,
  onWorld,
}: Exploration): Finding | undefined {
  for (let nth = first; nth < first + runs; nth += 1) {
    const schedule = scheduleOf(seed, nth, mutation);
    let world: World;
    try {
      world = play(schedule.scenario, schedule.choices, mutation);
    } catch (error) {
      if (unshrunk) return { ...schedule, nth, report: reportOf(error) };
      return { nth, ...shrink(schedule, mutation) };
    }
    onWorld?.(world);
  }
  return undefined;
}

/** Has fast-check, which is too slow to look for it, find the shortest schedule that breaks something; with its steps. */
function shrink({ scenario, choices }: Schedule, mutation: Mutation | undefined): Omit<Finding, 'nth'> {
  const details = fc.check(
    fc.property(
      fc.array(fc.nat({ max: 0xff_ff_ff }), { maxLength: choices.length, size: 'max' }),
      (shorter) => {
        play(scenario, shorter, mutation, 'traced');
      },
    ),
    { examples: [[[...choices]]], numRuns: 1 },
  );
  const shortest = details.counterexample?.[0] ?? choices;
  return { scenario, choices: shortest, report: reportOf(details.errorInstance) };
}

const reportOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

import fc from 'fast-check';
import { type Mutation, whereToLook } from './protocol/mutations.ts';
import { type Choice, play } from './protocol/scheduler.ts';
import { POISON, priceMicroUsd, type RequestPlan, type Scenario, type World } from './protocol/world.ts';

export { MUTATIONS } from './protocol/mutations.ts';

export interface Exploration {
  readonly runs: number;
  readonly seed: number;
  readonly mutation?: Mutation;
  /** Called with the world of each schedule that kept every promise. */
  readonly onWorld?: (world: World) => void;
}

/** What broke and the shortest schedule found that breaks it, or nothing. */
export interface Finding {
  readonly report: string;
  readonly choices: number;
  readonly schedules: number;
}

/**
 * Plays `runs` schedules over small lists: several requests of equal input, the same shots in two batches, in part and in
 * whole, caps from generous to too tight, a Redis that forgets in half of them. Deterministic by its seed.
 */
export function explore({ runs, seed, mutation, onWorld }: Exploration): Finding | undefined {
  const details = fc.check(
    fc.property(linesFor(mutation), schedules, (scenario, choices) => {
      const world = play(scenario, choices, mutation);
      onWorld?.(world);
    }),
    // Of a protocol broken on purpose it is enough to know that the break shows; a real one is shrunk to its shortest.
    { numRuns: runs, seed, ...(mutation === undefined ? {} : { endOnFailure: true }) },
  );
  if (!details.failed) return undefined;
  const cause = details.errorInstance;
  return {
    report: cause instanceof Error ? cause.message : String(cause),
    choices: details.counterexample?.[1].length ?? 0,
    schedules: details.numRuns,
  };
}

const plan = (id: string, batch: string, prompt: string, shotKey: string, indices: readonly number[]) =>
  ({ id, batch, prompt, shotKey, indices }) satisfies RequestPlan;

export const LISTS: readonly (readonly RequestPlan[])[] = [
  // One shot whose variants make three requests of equal input.
  [plan('a', 'b1', 'cup', 's1', [0]), plan('b', 'b1', 'cup', 's1', [1]), plan('c', 'b1', 'cup', 's1', [2])],
  // The same shot in two batches, with one that is nobody's rival and cannot be rendered.
  [
    plan('a', 'b1', 'cup', 's1', [0, 1]),
    plan('b', 'b2', 'cup', 's1', [0, 1]),
    plan('c', 'b2', POISON, 's2', [0]),
  ],
  // The same shot with another number of variants in each batch.
  [
    plan('a', 'b1', 'cup', 's1', [0, 1, 2]),
    plan('b', 'b2', 'cup', 's1', [0, 1]),
    plan('c', 'b2', 'cup', 's1', [2]),
  ],
  // Two are enough for a race over one id.
  [plan('a', 'b1', 'cup', 's1', [0]), plan('b', 'b2', 'cup', 's2', [0])],
];

/** Room for everything; for the dearest request and little more; one micro-dollar too little for it. */
const scenarios: fc.Arbitrary<Scenario> = fc
  .record({
    requests: fc.constantFrom(...LISTS),
    caps: fc.constantFrom('wide', 'wide', 'month', 'batch', 'day', 'none'),
    falAheadS: fc.constantFrom(0, -60, 60),
    lossy: fc.boolean(),
    forgetful: fc.boolean(),
  })
  .map(({ requests, caps, ...line }) => {
    const dearest = Math.max(...requests.map(({ indices }) => priceMicroUsd(indices.length)));
    const wide = 100 * dearest;
    const tight = 2 * dearest - 1_000;
    const limits = { batch: wide, day: wide, month: wide };
    if (caps === 'none') return { ...line, requests, caps: { ...limits, batch: dearest - 1 } };
    if (caps === 'wide') return { ...line, requests, caps: limits };
    return { ...line, requests, caps: { ...limits, [caps]: tight } };
  });

/** These requests over a Redis that forgets, and a line that loses answers. */
const forgetting = (...lists: readonly number[]): fc.Arbitrary<Scenario> =>
  fc.tuple(scenarios, fc.constantFrom(...lists.map((at) => LISTS[at] ?? []))).map(([line, requests]) => ({
    ...line,
    requests,
    caps: { batch: 1_000_000, day: 1_000_000, month: 1_000_000 },
    lossy: true,
    forgetful: true,
  }));

/** Where equal input has each id find its round again, and where two want one picture. */
const EQUAL_INPUT = forgetting(0, 3);
const ONE_PICTURE = forgetting(1);

function linesFor(mutation: Mutation | undefined): fc.Arbitrary<Scenario> {
  if (mutation === undefined) return fc.oneof(scenarios, EQUAL_INPUT);
  const where = whereToLook(mutation);
  return where === 'everywhere' ? scenarios : where === 'equal input' ? EQUAL_INPUT : ONE_PICTURE;
}

/** Even, not fast-check's leaning to small numbers, which mean "start" here. */
const schedules: fc.Arbitrary<Choice[]> = fc.array(fc.noBias(fc.nat({ max: 0xff_ff_ff })), {
  maxLength: 160,
  size: 'max',
});

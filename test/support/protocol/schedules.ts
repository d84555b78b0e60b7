import type { Input } from '../../../src/shared/fal/compare-input.ts';
import type { Shown } from './inputs.ts';
import type { Mutation } from './mutations.ts';
import { whereToLook } from './mutations.ts';
import type { Choice } from './scheduler.ts';
import { POISON, priceMicroUsd, type RequestPlan, type Scenario } from './world.ts';

export interface Schedule {
  readonly scenario: Scenario;
  readonly choices: readonly Choice[];
}

const plan = (
  id: string,
  batch: string,
  prompt: string,
  shotKey: string,
  indices: readonly number[],
  options: Input = {},
) => ({ id, batch, prompt, shotKey, indices, options }) satisfies RequestPlan;

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
  // Of two inputs one is a part of the other: fal's own default, said and left out.
  [plan('a', 'b1', 'cup', 's1', [0], { size: 'auto' }), plan('b', 'b2', 'cup', 's2', [0])],
  // Of two prompts one is a part of the other, and the list may cut or hide the longer one.
  [plan('a', 'b1', 'cup', 's1', [0]), plan('b', 'b1', 'cup on a tray', 's2', [0])],
];

/** How fal's list shows inputs, each entry in one of these ways: mostly as they were POSTed. */
const SHOWS: readonly (readonly Shown[])[] = [
  ['posted'],
  ['posted'],
  ['posted'],
  ['filled'],
  ['filled', 'posted', 'retyped'],
  ['filled-wrongly', 'posted'],
  ['long-redacted'],
  ['hidden', 'shortened', 'filled', 'filled-wrongly', 'retyped', 'posted'],
];

/** More than wait where a batch is held, in two batches, of which one wants a picture of the other. */
const TOGETHER: readonly RequestPlan[] = [
  ...['a', 'b', 'c', 'd', 'e', 'f'].map((id) => plan(id, 'b1', `cup ${id}`, `s${id}`, [0])),
  plan('g', 'b2', 'cup a', 'sa', [0]),
];

const CAPS = ['wide', 'wide', 'month', 'batch', 'day', 'none'] as const;
const MOST_CHOICES = 160;

/**
 * The `nth` schedule of a seed, whatever was drawn before it: small lists, several requests of equal input, the same
 * shots in two batches, in part and in whole, caps from generous to too tight, a Redis that forgets in half of them.
 */
export function scheduleOf(seed: number, nth: number, mutation: Mutation | undefined): Schedule {
  const random = randomOf(seed, nth);
  const below = (limit: number) => random() % limit;
  const one = <T>(list: readonly T[], fallback: T): T => list[below(list.length)] ?? fallback;
  const scenario = scenarioOf(below, one, mutation);
  const choices: Choice[] = [];
  for (let left = below(MOST_CHOICES + 1); left > 0; left -= 1) choices.push(random() >>> 8);
  // Drawn last, so that the schedules of all other lists stay what they were.
  if (!isTogether(mutation, below)) return { scenario, choices };
  return { scenario: { ...scenario, requests: TOGETHER, caps: WIDE, together: true }, choices };
}

/** Whether fal refuses all now and then, and half of the inputs for good. */
function isTogether(mutation: Mutation | undefined, below: (limit: number) => number): boolean {
  if (mutation === undefined) return below(4) === 0;
  return whereToLook(mutation) === 'failing together';
}

function scenarioOf(
  below: (limit: number) => number,
  one: <T>(list: readonly T[], fallback: T) => T,
  mutation: Mutation | undefined,
): Scenario {
  const forgetting = listsOf(mutation, below);
  const requests = one(forgetting ?? LISTS, []);
  const falAheadS = one([0, -60, 60], 0);
  const processes = one([1, 2] as const, 1);
  const shows = one(SHOWS, ['posted']);
  if (forgetting !== undefined)
    return { requests, falAheadS, caps: WIDE, processes, lossy: true, forgetful: true, shows };
  const dearest = Math.max(...requests.map(({ indices }) => priceMicroUsd(indices.length)));
  const kind = one(CAPS, 'wide');
  return {
    requests,
    falAheadS,
    caps: capsOf(kind, dearest),
    processes,
    lossy: below(2) === 1,
    forgetful: below(2) === 1,
    shows,
  };
}

const WIDE = { batch: 1_000_000, day: 1_000_000, month: 1_000_000 } as const;

/** Room for everything; for the dearest request and little more; one micro-dollar too little for it. */
function capsOf(kind: (typeof CAPS)[number], dearest: number): Scenario['caps'] {
  if (kind === 'none') return { ...WIDE, batch: dearest - 1 };
  if (kind === 'wide') return WIDE;
  return { ...WIDE, [kind]: 2 * dearest - 1_000 };
}

/** The lists to look at over a Redis that forgets, and a line that loses answers; undefined: all, over any. */
function listsOf(
  mutation: Mutation | undefined,
  below: (limit: number) => number,
): readonly (readonly RequestPlan[])[] | undefined {
  // Where equal input has each id find its round again; and where two want one picture.
  const equalInput = [LISTS[0] ?? [], LISTS[3] ?? []];
  if (mutation === undefined) return below(2) === 0 ? undefined : equalInput;
  switch (whereToLook(mutation)) {
    case 'everywhere':
    case 'failing together':
      return undefined;
    case 'equal input':
      return equalInput;
    case 'one picture':
      return [LISTS[1] ?? []];
    case 'parts':
      return LISTS.slice(4);
  }
}

/** Numbers of 32 bits (sfc32), the same for the same two numbers. */
function randomOf(seed: number, nth: number): () => number {
  let a = seed | 0;
  let b = nth | 0;
  let c = 0x9e_37_79_b9 | 0;
  let counter = 1;
  const next = () => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  // As many as its author asks for, before seeds that differ by one bit give numbers that have nothing in common.
  for (let i = 0; i < 15; i += 1) next();
  return next;
}

import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import pMap from 'p-map';
import { type CrashOptions, type CrashOutcome, runCrash } from './crash-points.ts';
import type { Wanted } from './invariants.ts';
import { MUTATIONS, type Mutation } from './mutations.ts';
import type { Death } from './points.ts';
import type { List } from './spec.ts';
import type { Stage } from './stage.ts';

/** What breaks the program so that a promise is broken, and the first word of what the harness then says. */
interface Trap extends Partial<CrashOptions> {
  readonly deaths?: readonly Death[];
  readonly caught: RegExp;
}

const ONE_SHOT: List = {
  batch: 'one',
  rows: [
    { id: 'mug', prompt: 'a mug', recipe: 'catalog' },
    { id: 'bowl', prompt: 'a bowl', recipe: 'catalog' },
  ],
};
const DELIVERED: Wanted = {
  batch: 'one',
  rows: [
    { id: 'mug', prompt: 'a mug' },
    { id: 'bowl', prompt: 'a bowl' },
  ],
  ends: new Map(),
};

const loseOneAnswer = ({ fal }: Stage) => {
  fal.faults.add({ on: 'submit', kind: 'accepted-then-reset', times: 1 });
};

/** One image is a cent. */
const CAP_OF_ONE = 10_000;

const TRAPS: Readonly<Record<Mutation, Trap>> = {
  repost: { prepare: loseOneAnswer, caught: /^(paid twice|posts)/ },
  'release-unknown': { prepare: loseOneAnswer, caught: /^paid twice/ },
  // Stopped with the images claimed and no intent: the next run may submit, and the zombie, which has not heard from
  // Redis that its lock is lost, must learn of it.
  'skip-confirm': {
    deaths: [{ point: 'before journal.writeIntent', nth: 1, signal: 'SIGSTOP' }],
    postWindowMs: 30_000,
    wakesCutOff: true,
    zombieWakes: (stage) => untilInTheBook(stage, 2),
    caught: /^paid twice/,
  },
  // Refused by fal, and stopped before it says so; the next run is accepted, and then the zombie speaks.
  'no-epoch': {
    deaths: [{ point: 'before records.fail', nth: 1, signal: 'SIGSTOP' }],
    prepare: ({ fal }) => {
      fal.faults.add({ on: 'submit', kind: 'invalid', times: 1 });
    },
    falLatencyMs: 4_000,
    zombieWakes: (stage) => untilInTheBook(stage, 2),
    caught: /^(ledger|lost)/,
  },
  'late-ledger': {
    deaths: [{ point: 'after records.store', nth: 1, signal: 'SIGKILL' }],
    caught: /^ledger/,
  },
  'free-reserve': {
    capMicroUsd: CAP_OF_ONE,
    // Both are sent before one of them is charged: it stops itself, too, when more is charged than was reserved, and stays so.
    falLatencyMs: 4_000,
    restLimitMs: 9_000,
    wanted: {
      ...DELIVERED,
      ends: new Map([
        ['mug', 'delivered|held'],
        ['bowl', 'delivered|held'],
      ]),
    },
    caught: /^cap/,
  },
  'double-reserve': { caught: /^reserved/ },
  'wrong-picture': { caught: /^pixels/ },
  'skip-delivery': { caught: /^lost/ },
};

async function untilInTheBook({ fal }: Stage, entries: number): Promise<void> {
  const limitMs = performance.now() + 30_000;
  while (fal.book.entries().length < entries && performance.now() < limitMs) await delay(20);
}

function redisUrl(): string {
  const url = process.env['TEST_REDIS_URL'];
  if (url === undefined) throw new Error('TEST_REDIS_URL is set by test/support/global-setup.ts');
  return url;
}

function spring({ caught: _, deaths = [], ...options }: Trap, mutation?: Mutation): Promise<CrashOutcome> {
  return runCrash(
    { process: 'worker', deaths },
    {
      redisUrl: redisUrl(),
      list: ONE_SHOT,
      wanted: DELIVERED,
      ...options,
      ...(mutation === undefined ? {} : { mutation }),
    },
  );
}

// Object.keys knows texts only.
const NAMES = Object.keys(MUTATIONS) as Mutation[];

describe('the chaos harness', () => {
  const broken = new Map<Mutation, CrashOutcome>();
  const whole = new Map<Mutation, CrashOutcome>();

  // Side by side, since each is mostly waiting for locks and proofs.
  beforeAll(async () => {
    await pMap(
      NAMES,
      async (name) => {
        broken.set(name, await spring(TRAPS[name], name));
        whole.set(name, await spring(TRAPS[name]));
      },
      { concurrency: 4 },
    );
  }, 240_000);

  it.each(NAMES)('finds the mutation %s', (name) => {
    const { reached, violations } = broken.get(name) ?? { reached: 0, violations: [] };
    expect(reached).toBe(TRAPS[name].deaths?.length ?? 0);
    expect(violations).toContainEqual(expect.stringMatching(TRAPS[name].caught));
  });

  it.each(NAMES)('finds nothing in the same run without the mutation %s', (name) => {
    const { reached, violations } = whole.get(name) ?? { reached: 0, violations: ['did not run'] };
    expect(reached).toBe(TRAPS[name].deaths?.length ?? 0);
    expect(violations).toEqual([]);
  });
});

import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { dayOf } from '../../../../src/shared/base/time.ts';
import type { RequestRecord } from '../../../../src/shared/requests/record.ts';
import {
  allows,
  holdsClaims,
  isAtRest,
  STATES,
  TRANSITIONS,
  type TransitionName,
} from '../../../../src/shared/requests/states.ts';
import { type Desk, openDesk } from '../../../support/desk.ts';

// Thousands of steps, each a round trip: a busy machine takes its time.
jest.setTimeout(120_000);

/** Two batches, three requests each; the first of both want the same shot. */
const BATCHES = ['one', 'two'] as const;
const PER_BATCH = 3;
const CAP = 100;
const DAY_CAP = 150;

interface Move {
  readonly name: TransitionName;
  readonly batch: 0 | 1;
  readonly row: number;
  readonly price: number;
  readonly indices: readonly number[];
  /** The cost is what was reserved, less this. */
  readonly below: number;
}

// The keys of the table are the names. `attach` counts what fal has charged already, whatever the caps say.
const NAMES = (Object.keys(TRANSITIONS) as TransitionName[]).filter((name) => name !== 'attach');

const moves: fc.Arbitrary<Move> = fc.record({
  // The way of a request that is paid for comes often enough to be gone to its end.
  name: fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom<TransitionName>('reserve', 'accept', 'book', 'store') },
    { weight: 2, arbitrary: fc.constantFrom(...NAMES) },
  ),
  batch: fc.constantFrom(0, 1),
  row: fc.nat({ max: PER_BATCH - 1 }),
  price: fc.constantFrom(10, 30, 60),
  indices: fc.constantFrom([0], [1], [0, 1]),
  below: fc.constantFrom(0, 0, 5),
});

describe('any sequence of transitions', () => {
  it('keeps counters, money, caps and claims in step with the records', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(moves, { minLength: 10, maxLength: 60 }), async (sequence) => {
        await using desk = await openDesk({ caps: { daily: DAY_CAP, monthly: undefined } });
        const requests: string[][] = [];
        for (const batch of BATCHES)
          requests.push(await desk.open(batch, PER_BATCH, { cap: CAP, cheapestMicroUsd: 10 }));
        const spent: [number, number] = [0, 0];
        for (const move of sequence) {
          const request = requests[move.batch]?.[move.row] ?? '';
          spent[move.batch] += await take(desk, request, move);
          await expectConsistent(desk, requests.flat(), spent);
        }
      }),
      { numRuns: 60, seed: 7 },
    );
  });
});

/** Takes the move, checks its answer against the table, and resolves to what was spent by it. */
async function take(desk: Desk, request: string, move: Move): Promise<number> {
  const before = await desk.records.read(request);
  if (before === undefined) throw new Error(`${request} is gone`);
  const cost = (before.reserved ?? move.price) - move.below;
  // Row 0 of both batches is the same shot.
  const shotKey = move.row === 0 ? 'shared' : request;
  const outcome = await desk.step(move.name, request, {
    ...(move.name === 'reserve' ? { take: { shotKey, indices: move.indices, price: move.price } } : {}),
    ...(move.name === 'accept' ? { takeId: `${request}-${before.round}` } : {}),
    ...(move.name === 'book' ? { book: { cost, images: 1 } } : {}),
  });
  const { needs } = TRANSITIONS[move.name];
  const met =
    (needs !== 'booked' || before.reserved === undefined) &&
    (needs !== 'unbooked' || before.booked === undefined);
  if (!allows(move.name, before.state) || !met) {
    expect(outcome.code).toBe('state');
    expect(await desk.records.read(request)).toEqual(before);
    return 0;
  }
  if (needs === 'running') expect(['ok', 'word', 'claimed', 'wait', 'held']).toContain(outcome.code);
  else expect(outcome.code).toBe('ok');
  return move.name === 'book' && before.reserved !== undefined ? cost : 0;
}

async function expectConsistent(
  desk: Desk,
  requests: readonly string[],
  spent: readonly [number, number],
): Promise<void> {
  const { client, prefix } = desk.redis;
  const records = (await Promise.all(requests.map((request) => desk.records.read(request)))).filter(
    (record): record is RequestRecord => record !== undefined,
  );
  for (const [at, batch] of BATCHES.entries()) {
    const view = await desk.batches.read(batch);
    const own = records.filter(({ name }) => name.batch === batch);
    expect(view?.counts).toEqual(
      Object.fromEntries(STATES.map((state) => [state, own.filter((one) => one.state === state).length])),
    );
    expect({ reserved: view?.reserved, spent: view?.spent }).toEqual({
      reserved: sumOfReserved(own),
      spent: spent[at],
    });
    expect((view?.reserved ?? 0) + (view?.spent ?? 0)).toBeLessThanOrEqual(CAP);
    expect((await client.smembers(`${prefix}:open:${batch}`)).sort()).toEqual(
      own.filter(({ state }) => !isAtRest(state)).map(({ name }) => `${name.row}.${name.part}`),
    );
  }
  const day = await desk.batches.money(`day:${dayOf(Date.now())}`);
  expect(day).toEqual({ reserved: sumOfReserved(records), spent: spent[0] + spent[1] });
  expect(day.reserved + day.spent).toBeLessThanOrEqual(DAY_CAP);
  await expectClaims(desk, records);
}

/** Each claim belongs to a request that may be paying, and each such request has claims; nothing is reserved elsewhere. */
async function expectClaims(desk: Desk, records: readonly RequestRecord[]): Promise<void> {
  const { client, prefix } = desk.redis;
  const owners = new Set<string>();
  for (const key of await client.keys(`${prefix}:claim:*`)) {
    for (const owner of Object.values(await client.hgetall(key))) owners.add(owner);
  }
  const claiming = records.filter(({ state }) => holdsClaims(state)).map(({ request }) => request);
  expect([...owners].sort()).toEqual([...claiming].sort());
  for (const { state, reserved } of records) if (!holdsClaims(state)) expect(reserved).toBeUndefined();
}

function sumOfReserved(records: readonly RequestRecord[]): number {
  return records.reduce((sum, { reserved }) => sum + (reserved ?? 0), 0);
}

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readDoubt, sentRoundOf } from '../../../../src/operations/rebuild/doubt.ts';
import { Journal } from '../../../../src/shared/journal/journal.ts';
import type { LedgerTrace } from '../../../../src/shared/journal/objects.ts';
import type { PlannedRequest, PlanRow } from '../../../../src/shared/journal/plan-row.ts';
import { tracesOf } from '../../../../src/shared/journal/traces.ts';
import { sumSpent } from '../../../../src/shared/ledger/spent.ts';
import { nextRound, standingByNames } from '../../../../src/shared/requests/derive.ts';
import type { RestoredRecord } from '../../../../src/shared/requests/restore.ts';
import type { ObjectStore } from '../../../../src/shared/store/object-store.ts';
import { mapStore } from '../../../support/map-store.ts';

/**
 * One request's life, in the order in which the protocol writes to the store, cut off after any write, as a crash and
 * a loss of Redis leave it. What is restored from it must never allow a second payment.
 */
const ROUND_ENDS = [
  'refused',
  'refused-for-good',
  'lost-and-absent',
  'run-failed-unbilled',
  'run-failed-billed',
  'delivered',
] as const;
interface Round {
  readonly end: (typeof ROUND_ENDS)[number];
  /** Rounds that were raised without an intent. */
  readonly skips: number;
}

/** A round that ends the request ends the list. */
const life = fc.record({
  rounds: fc.array(
    fc.record({
      end: fc.constantFrom(...ROUND_ENDS),
      skips: fc.nat(2),
    }),
    { minLength: 1, maxLength: 4 },
  ),
  cut: fc.nat(40),
  word: fc.constantFrom('running', 'paused', 'cancelled'),
  waitsForProof: fc.boolean(),
});

const name = { batch: 'b', row: 0, part: 0 };
const day = '2026-11-24';
const RESERVED = 50;
const COST = 40;
const NOW = 1_795_525_699_749;

interface Truth {
  /** Rounds whose POST fal accepted, and that it has billed or may bill. */
  readonly payable: Set<number>;
  lastRound: number;
}

class Cut extends Error {}

/** Whoever writes dies after so many writes, between the two objects of an id as well. */
function cutAfter(store: ObjectStore, cut: number): ObjectStore {
  let writes = 0;
  return {
    ...store,
    async putOnce(key, body, options) {
      if (writes >= cut) throw new Cut();
      writes += 1;
      return await store.putOnce(key, body, options);
    },
  };
}

async function play(rounds: readonly Round[], journal: Journal, truth: Truth): Promise<void> {
  let round = -1;
  for (const { end, skips } of rounds) {
    round += 1 + skips;
    const of = { ...name, round };
    const at = round;
    const requestId = `id-${round}`;
    await journal.writeIntent({ ...of, nonce: 'n', at, reserved: RESERVED, day, indices: [0] });
    truth.lastRound = round;
    if (end === 'refused' || end === 'lost-and-absent') continue;
    if (end === 'refused-for-good') {
      await journal.writeFailure({ ...of, at, code: 'c', message: 'm' });
      return;
    }
    truth.payable.add(round);
    await journal.takeId({ ...of, requestId, at });
    if (end === 'run-failed-unbilled') {
      // Until the next round writes its intent, fal's answer is read again.
      truth.payable.delete(round);
      continue;
    }
    const failure = end === 'run-failed-billed' ? { failure: { code: 'c', message: 'm' } } : {};
    const cost = { cost: COST, source: 'price-rule' as const };
    await journal.writeResult({ ...of, requestId, at, day, ...cost, images: [], ...failure });
    await journal.writeLedger({ ...ENTRY, requestId }, day);
    if (end === 'run-failed-billed') await journal.writeFailure({ ...of, at, code: 'c', message: 'm' });
    else await journal.writeDelivery({ ...name, at, costMicroUsd: COST, images: [] });
    return;
  }
}

const ENTRY = {
  ...name,
  ts: '2026-11-24T00:00:00Z',
  shot: 's',
  model: 'm',
  quality: '',
  imageSize: '',
  numImages: 1,
  costMicroUsd: COST,
  source: 'price-rule',
} as const;

async function restored(
  journal: Journal,
  store: ReturnType<typeof mapStore>,
  { word, waitsForProof }: { word: 'running' | 'paused' | 'cancelled'; waitsForProof: boolean },
): Promise<RestoredRecord> {
  const traces = await tracesOf(store, 'b');
  const sentRound = sentRoundOf(traces, '0.0');
  const failedRound = traces.failed.get('0.0');
  const standing = standingByNames(
    { kind: 'pay', delivered: traces.delivered.has('0.0'), failedRound, sentRound, waitsForProof },
    word,
  );
  if (standing.state !== 'doubt') {
    const seen = Math.max(failedRound ?? -1, sentRound ?? -1);
    return { member: '0.0', state: standing.state, round: nextRound(seen, NOW) };
  }
  const spent = await sumSpent(journal.listLedger(), new Set(['b']));
  return await readDoubt(
    {
      batch: 'b',
      row: ROW,
      request: REQUEST,
      round: standing.round,
      traces,
      money: spent.batches.get('b'),
    },
    { journal, rivalHash: () => 'hash', clock: () => NOW },
    AbortSignal.timeout(1_000),
  );
}

const REQUEST: PlannedRequest = {
  part: 0,
  indices: [0],
  kind: 'pay',
  maxMicroUsd: RESERVED,
  minMicroUsd: RESERVED,
};

const ROW: PlanRow = {
  row: 0,
  shot: 's',
  shotKey: 'a'.repeat(32),
  model: 'm',
  prompt: 'p',
  input: {},
  recipe: 'r',
  variants: 1,
  columns: {},
  requests: [REQUEST],
};

describe('a request restored from any prefix of its journal', () => {
  it('never lets what may have been paid be paid again, and counts it exactly once', async () => {
    await fc.assert(
      fc.asyncProperty(life, async ({ word, waitsForProof, rounds, cut }) => {
        const store = mapStore();
        const truth: Truth = { payable: new Set(), lastRound: -1 };
        await play(rounds, new Journal({ store: cutAfter(store, cut) }), truth).catch((error: unknown) => {
          if (!(error instanceof Cut)) throw error;
        });
        const journal = new Journal({ store });
        const record = await restored(journal, store, { word, waitsForProof });
        const entries: LedgerTrace[] = [];
        for await (const entry of journal.listLedger()) entries.push(entry);

        if (truth.payable.size > 0) {
          expect(['planned', 'cancelled', 'held']).not.toContain(record.state);
        }
        // Only what has sent nothing waits for a person's word on the proof.
        expect(record.state === 'held').toBe(waitsForProof && word !== 'cancelled' && truth.lastRound < 0);
        // What goes on goes on in a round of its own: no intent of before stands in its way.
        if (record.state === 'planned') expect(record.round).toBeGreaterThan(truth.lastRound);
        const isBooked = entries.length > 0;
        if (record.state === 'unknown' || record.state === 'submitted') {
          expect(record.round).toBe(truth.lastRound);
          expect({ reserved: record.reservation?.price, booked: record.booked }).toEqual(
            isBooked ? { reserved: undefined, booked: COST } : { reserved: RESERVED, booked: undefined },
          );
          expect(record.claim).toEqual({ shotKey: ROW.shotKey, indices: [0] });
        } else {
          expect(record.reservation).toBeUndefined();
        }
        // An id that was taken is never looked for again.
        if (record.state === 'unknown') {
          expect(await journal.readId(`id-${record.round}`)).toBeUndefined();
        }
      }),
      { numRuns: 400, seed: 20_261_124 },
    );
  });
});

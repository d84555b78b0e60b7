import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { compare, driftOf } from '../../../../src/operations/reconcile/compare.ts';
import { type BookEvent, summed } from '../../../../src/shared/fal/billing.ts';
import type { LedgerTrace } from '../../../../src/shared/journal/objects.ts';
import { NO_BATCH_SEGMENT } from '../../../../src/shared/ledger/corrections.ts';
import { encodeSegment } from '../../../../src/shared/store/keys.ts';

const SINCE_MS = new Date(2026, 10, 20, 12).getTime();
const HOUR_MS = 3_600_000;

function entry(requestId: string, costMicroUsd: number, more: Partial<LedgerTrace> = {}): LedgerTrace {
  return {
    key: `ledger/${requestId}`,
    day: '2026-11-20',
    batchSegment: 'spring',
    costMicroUsd,
    numImages: 1,
    member: '0.0',
    idSegment: encodeSegment(requestId),
    writtenAtMs: SINCE_MS + HOUR_MS,
    ...more,
  };
}

function event(requestId: string, costMicroUsd: number, atMs = SINCE_MS + HOUR_MS): BookEvent {
  return { requestId, endpoint: 'made/up', atMs, costMicroUsd };
}

describe('the ledger against the bill', () => {
  it.each([
    ['the same cost is nothing to tell', [entry('a', 20)], [event('a', 20)], {}],
    ['another cost is a difference', [entry('a', 20)], [event('a', 18)], { different: ['a'] }],
    ['an id in capitals finds its entry', [entry('A-1', 20)], [event('A-1', 20)], {}],
    ['an entry without an event', [entry('a', 20)], [], { eventless: ['a'] }],
    ['an event without an entry', [], [event('a', 20)], { entryless: ['a'] }],
    ['a charge of nothing without an entry is nothing to tell', [], [event('a', 0)], {}],
    [
      "a charge that is in the ledger as nobody's",
      [
        entry('a', 20, { batchSegment: NO_BATCH_SEGMENT }),
        entry('b', 20, { batchSegment: NO_BATCH_SEGMENT }),
      ],
      [event('a', 20), event('b', 20, SINCE_MS - HOUR_MS)],
      { orphaned: ['a'] },
    ],
    [
      'a charge of nothing for an entry is a difference',
      [entry('a', 20)],
      [event('a', 0)],
      { different: ['a'] },
    ],
    [
      'an entry and an event on two sides of the border find each other',
      [entry('a', 20), entry('b', 20, { day: '2026-11-19' })],
      [event('a', 20, SINCE_MS - HOUR_MS), event('b', 20)],
      {},
    ],
    [
      'what lies before the window on both sides is not told, whatever it is',
      [entry('a', 20, { day: '2026-11-19' }), entry('b', 20, { writtenAtMs: SINCE_MS - 1 })],
      [event('a', 18, SINCE_MS - HOUR_MS), event('c', 20, SINCE_MS - 1)],
      {},
    ],
  ])('%s', (_, entries, events, expected: { [name: string]: string[] }) => {
    const found = compare(entries, events, SINCE_MS);
    expect({
      different: found.different.map((one) => one.event.requestId),
      eventless: found.eventless.map((one) => one.idSegment),
      entryless: found.entryless.map((one) => one.requestId),
      orphaned: found.orphaned.map((one) => one.requestId),
    }).toEqual({ different: [], eventless: [], entryless: [], orphaned: [], ...expected });
  });

  it('is the bill once every finding is applied, and the drift is what was applied', () => {
    const costs = fc.dictionary(fc.stringMatching(/^[a-zA-Z]{1,3}$/), fc.nat({ max: 100 }));
    fc.assert(
      fc.property(costs, costs, (booked, billed) => {
        const entries = Object.entries(booked).map(([id, cost]) => entry(id, cost));
        const events = Object.entries(billed).map(([id, cost]) => event(id, cost));
        const found = compare(entries, events, SINCE_MS);
        const ledger = new Map(entries.map((one) => [one.idSegment, one.costMicroUsd]));
        for (const one of found.different) ledger.set(one.entry.idSegment, one.event.costMicroUsd);
        for (const one of found.entryless) ledger.set(encodeSegment(one.requestId), one.costMicroUsd);
        for (const one of found.eventless) ledger.delete(one.idSegment);
        const paid = (list: Iterable<[string, number]>) =>
          Object.fromEntries([...list].filter(([, cost]) => cost > 0));
        expect(paid(ledger)).toEqual(
          paid(events.map((one) => [encodeSegment(one.requestId), one.costMicroUsd])),
        );

        const total = (list: readonly { costMicroUsd: number }[]) =>
          list.reduce((sum, one) => sum + one.costMicroUsd, 0);
        const drift = driftOf({
          corrected: found.different.map((one) => ({
            fromMicroUsd: one.entry.costMicroUsd,
            toMicroUsd: one.event.costMicroUsd,
          })),
          missing: found.eventless,
          orphans: found.entryless,
          attached: [],
        });
        expect(drift).toBe(total(events) - total(entries));
      }),
    );
  });
});

describe("fal's billing events", () => {
  const row = (request_id: string, cost_total: number | null, more = {}) => ({
    request_id,
    endpoint_id: 'made/up',
    timestamp: '2026-11-20T12:00:00.000Z',
    cost_total,
    ...more,
  });

  it('count once when a page that shifted shows them twice, and together when one request has several', () => {
    const later = { timestamp: '2026-11-20T13:00:00.000Z' };
    expect(summed([row('a', 0.02), row('a', 0.02), row('a', 0.01, later), row('b', 0.07)])).toEqual([
      { requestId: 'a', endpoint: 'made/up', atMs: Date.UTC(2026, 10, 20, 13), costMicroUsd: 30_000 },
      { requestId: 'b', endpoint: 'made/up', atMs: Date.UTC(2026, 10, 20, 12), costMicroUsd: 70_000 },
    ]);
  });

  it('are rounded to the micro-dollar, by the estimate where there is no total', () => {
    const [total, estimate] = summed([
      row('a', 0.0180000001),
      row('b', null, { cost_estimate_nano_usd: 18_000_499 }),
    ]);
    expect([total?.costMicroUsd, estimate?.costMicroUsd]).toEqual([18_000, 18_000]);
  });
});

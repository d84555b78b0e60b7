import { describe, expect, it } from '@jest/globals';
import { NO_STOPS } from '../../../../src/shared/requests/endpoint-stops.ts';
import { batchStatus, statusOf } from '../../../../src/shared/status/status.ts';
import { batchView as view } from '../../../support/batch-view.ts';

const CAP = { cap: 200_000, spent: 190_000, heldBy: { scope: 'batch:cups', limit: 200_000 } };

describe('the state of a batch', () => {
  it.each([
    ['running', view({ planned: 5, delivered: 5 })],
    ['running', view({}, { complete: false })],
    ['running', view({ held: 2, submitted: 1 }, CAP)],
    ['running', view({ unknown: 1, delivered: 9 })],
    ['paused', view({ planned: 5 }, { word: 'paused' })],
    ['held', view({ held: 2, delivered: 8 }, CAP)],
    ['held', view({ planned: 9 }, { ...CAP, word: 'held' })],
    ['held', view({ held: 7, delivered: 3 }, { proof: 'open' })],
    ['running', view({ held: 7, delivered: 2, submitted: 1 }, { proof: 'open' })],
    ['running', view({ held: 7, delivered: 2, unknown: 1 }, { proof: 'open' })],
    ['running', view({ held: 5, delivered: 3 }, { proof: 'open', complete: false })],
    ['held', view({ held: 7, delivered: 2, unknown: 1 }, { ...CAP, proof: 'open' })],
    ['running', view({ planned: 7, delivered: 3 }, { proof: 'approved' })],
    ['running', view({ unknown: 2, delivered: 8 }, { undecided: { requests: 1, why: 'fresh' } })],
    ['running', view({ unknown: 1, planned: 9 }, { undecided: { requests: 1, why: 'fresh' } })],
    ['running', view({ unknown: 1, rendering: 1 }, { undecided: { requests: 1, why: 'fresh' } })],
    ['held', view({ unknown: 1, delivered: 9 }, { undecided: { requests: 1, why: 'fresh' } })],
    ['held', view({ unknown: 1, held: 9 }, { proof: 'open', undecided: { requests: 1, why: 'fresh' } })],
    ['paused', view({ planned: 1, unknown: 1 }, { word: 'paused', undecided: { requests: 1, why: 'key' } })],
    ['done', view({ delivered: 8, failed: 2 })],
    ['cancelled', view({ delivered: 8, cancelled: 2 }, { word: 'cancelled' })],
  ] as const)('is %s', (state, batch) => {
    expect(statusOf(batch, NO_STOPS, 1_000).state).toBe(state);
  });

  it.each([
    ['fresh', /^no_control: .* 2 lost answers .*the next picture made with the model decides/],
    ['whole', /^no_control: .*none of the requests that fal answered/],
    ['faithful', /^no_control: .*the next picture with as long a prompt decides/],
    ['key', /^no_control: .*FAL_KEY/],
    ['unclear', /^unclear: .*hides or changes inputs/],
  ] as const)('is held with a reason where fal’s list decides nothing that is left: %s', (why, reason) => {
    const left = view({ unknown: 2, delivered: 8 }, { undecided: { requests: 2, why } });
    const { heldReason } = statusOf(left, NO_STOPS, 1_000);
    expect(heldReason).toMatch(reason);
    expect(heldReason).toContain('shotlist unknown list cups');
    const stop = { code: 'operator', reason: 'paused' } as const;
    expect(statusOf(left, { ...NO_STOPS, all: stop }, 1_000).heldReason).toBe('paused');
  });

  it('is told of a cancelled batch too, which nothing moves any more', () => {
    const left = { undecided: { requests: 1, why: 'fresh' }, word: 'cancelled' } as const;
    expect(statusOf(view({ unknown: 1 }, left), NO_STOPS, 1_000)).toMatchObject({
      state: 'cancelled',
      heldReason: expect.stringMatching(/^no_control: /),
    });
    expect(statusOf(view({ unknown: 2 }, left), NO_STOPS, 1_000).heldReason).toBeNull();
    expect(statusOf(view({ cancelled: 9 }, left), NO_STOPS, 1_000).heldReason).toBeNull();
  });

  it('is held with the reason of the stop while all submits are stopped, but not when it has ended', () => {
    const stop = { code: 'balance', reason: 'balance: fal says so' } as const;
    expect(statusOf(view({ planned: 5 }), { ...NO_STOPS, all: stop }, 1_000)).toMatchObject({
      state: 'held',
      heldReason: 'balance: fal says so',
    });
    expect(statusOf(view({ delivered: 5 }), { ...NO_STOPS, all: stop }, 1_000)).toMatchObject({
      state: 'done',
      heldReason: null,
    });
  });

  it('stays cancelled while all submits are stopped and its last requests are at fal', () => {
    const stop = { code: 'balance', reason: 'balance: fal says so' } as const;
    const batch = view({ cancelled: 4, submitted: 1 }, { word: 'cancelled' });
    expect(statusOf(batch, { ...NO_STOPS, all: stop }, 1_000)).toMatchObject({
      state: 'cancelled',
      heldReason: null,
    });
  });

  it('stays cancelled while all submits are stopped, though something of it is still at fal', () => {
    const stop = { code: 'key', reason: 'key: fal refuses it' } as const;
    const cancelled = view({ submitted: 1, cancelled: 9 }, { word: 'cancelled' });
    expect(statusOf(cancelled, { ...NO_STOPS, all: stop }, 0)).toMatchObject({
      state: 'cancelled',
      heldReason: null,
    });
  });

  it('is held while every endpoint of it is stopped, and what waits counts as held', () => {
    const endpoints = new Map([['acme/old', 'endpoint: fal says "gone"']]);
    const one = { endpoints: ['acme/old'] };
    const both = { endpoints: ['acme/old', 'acme/new'] };
    const stops = { all: undefined, endpoints };
    const reason = 'endpoint: fal says "gone"';
    expect(statusOf(view({ planned: 5 }, one), stops, 0)).toMatchObject({
      state: 'held',
      counts: { planned: 0, held: 5 },
      heldReason: reason,
    });
    expect(statusOf(view({ held: 5, delivered: 1 }, both), stops, 0)).toMatchObject({
      state: 'held',
      heldReason: reason,
    });
    // Rows on a living model go on; what is paid already is finished.
    for (const batch of [
      view({ planned: 4, held: 1 }, both),
      view({ held: 4, submitted: 1 }, both),
      view({ submitted: 1, delivered: 4 }, one),
    ])
      expect(statusOf(batch, stops, 0)).toMatchObject({ state: 'running', heldReason: null });
    expect(statusOf(view({ planned: 5 }, { ...one, word: 'paused' }), stops, 0).state).toBe('paused');
    expect(statusOf(view({ planned: 5 }, { endpoints: ['acme/new'] }), stops, 0).state).toBe('running');
  });

  it('says why its requests fail together, and which was the last one', () => {
    const failing = {
      code: 'content_policy_violation',
      failures: 5,
      request: 'cups.4.0',
      shot: 'MUG-005',
      message: 'fal answered 422: no.',
    };
    const hold = { atMs: 1, failing, isNoted: true };
    const batch = view({ planned: 90, failed: 5, submitted: 5 }, { word: 'held', hold });
    expect(statusOf(batch, NO_STOPS, 0)).toMatchObject({
      state: 'held',
      counts: { planned: 0, held: 90 },
      heldReason:
        'failing: 5 requests in a row failed with content_policy_violation, the last one MUG-005: fal answered 422: no; if the others can pass, run shotlist resume cups, else shotlist cancel cups',
    });
    const stop = { code: 'balance', reason: 'balance: fal says so' } as const;
    expect(statusOf(batch, { ...NO_STOPS, all: stop }, 0).heldReason).toBe(stop.reason);
  });

  it('says which cap holds it and what to do', () => {
    expect(statusOf(view({ held: 2 }, CAP), NO_STOPS, 0).heldReason).toBe(
      'the batch cap of $0.20 leaves no room for the next request, $0.19 of it spent; run shotlist resume cups --cap with a higher total',
    );
    const day = { ...CAP, heldBy: { scope: 'day:2026-11-24', limit: 5_000_000 } };
    expect(statusOf(view({ held: 2 }, day), NO_STOPS, 0).heldReason).toContain(
      'the day cap of $5.00 leaves no room for the next request; wait for the next day or raise DAILY_CAP_USD',
    );
    const month = { ...CAP, heldBy: { scope: 'month:2026-11', limit: 5_000_000 } };
    expect(statusOf(view({ held: 2 }, month), NO_STOPS, 0).heldReason).toContain('MONTHLY_CAP_USD');
  });

  it('counts what was just approved as planned, though nobody has come round to it', () => {
    const approved = view({ held: 7, delivered: 3 }, { proof: 'approved' });
    expect(statusOf(approved, NO_STOPS, 0)).toMatchObject({
      state: 'running',
      counts: { planned: 7, held: 0 },
    });
    const capped = view({ held: 7, delivered: 3 }, { ...CAP, proof: 'approved' });
    expect(statusOf(capped, NO_STOPS, 0)).toMatchObject({ state: 'held', counts: { held: 7 } });
  });

  it('names the contact sheet and both ways on where a proof is done', () => {
    const proof = view({ held: 7, delivered: 3 }, { proof: 'open' });
    expect(statusOf(proof, NO_STOPS, 0).heldReason).toBe(
      'the proof is done and 7 requests wait for your word: look at it with shotlist sheet cups, then run shotlist approve cups or shotlist cancel cups',
    );
    const full = view({ held: 7, delivered: 3 }, { ...CAP, proof: 'open' });
    expect(statusOf(full, NO_STOPS, 0).heldReason).toContain('the batch cap');
  });

  it('counts what is planned as held where the whole batch is', () => {
    const { counts } = statusOf(
      view({ planned: 7, held: 1, delivered: 2 }, { ...CAP, word: 'held' }),
      NO_STOPS,
      0,
    );
    expect(counts).toMatchObject({ planned: 0, held: 8, delivered: 2 });
  });
});

describe('the rest of a status', () => {
  it('tells the time that the proof takes, and not that of what waits for it', () => {
    const proof = view({ held: 90, planned: 6, delivered: 4 }, { proof: 'open' });
    expect(statusOf(proof, NO_STOPS, 20_000).etaSeconds).toBe(30);
  });

  it('tells the time that is left by the pace so far', () => {
    expect(statusOf(view({ planned: 6, delivered: 3, failed: 1 }), NO_STOPS, 20_000).etaSeconds).toBe(30);
    expect(statusOf(view({ planned: 6 }), NO_STOPS, 20_000).etaSeconds).toBeNull();
    expect(statusOf(view({ delivered: 10 }), NO_STOPS, 20_000).etaSeconds).toBe(0);
    expect(
      statusOf(view({ planned: 6, delivered: 4 }, { word: 'paused' }), NO_STOPS, 20_000).etaSeconds,
    ).toBeNull();
  });

  it('is the public contract, with money in dollars', () => {
    const money = { cap: 1_000_000, reserved: 20_000, spent: 110_000 };
    const status = statusOf(view({ submitted: 1, delivered: 9 }, money), NO_STOPS, 1_000);
    expect(batchStatus.parse(status)).toEqual(status);
    expect(status.money).toEqual({ capUsd: 1, reservedUsd: 0.02, spentUsd: 0.11, estimateUsd: 0.2 });
    expect(statusOf(view({ delivered: 10 }), NO_STOPS, 0).money.capUsd).toBeNull();
  });
});

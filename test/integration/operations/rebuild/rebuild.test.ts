import { describe, expect, it } from '@jest/globals';
import { pauseAll, pauseBatch, resumeBatch } from '../../../../src/operations/batches.ts';
import type { Rebuilt } from '../../../../src/operations/rebuild/rebuild.ts';
import { jobIdOf, requestKeyOf } from '../../../../src/shared/store/keys.ts';
import {
  expectLedgerIsBook,
  expectMoneyAtRest,
  expectPaidOnce,
  failuresOf,
} from '../../../support/accounts.ts';
import { untilEndedOrDecided } from '../../../support/another-picture.ts';
import { until } from '../../../support/fal.ts';
import { flush, rebuild } from '../../../support/lost-redis.ts';
import { openWorkshop } from '../../../support/workshop.ts';

const QUICK = {
  settings: { FAL_START_TIMEOUT_S: '2', FAL_UNKNOWN_MARGIN_S: '1' },
  postWindowMs: 1_000,
} as const;

const shots = (count: number) =>
  Array.from({ length: count }, (_, at) => ({
    id: `SKU-${at}`,
    prompt: `a cup number ${at}`,
    variants: String(at % 3 === 0 ? 3 : 1),
  }));

describe('a rebuild of Redis from the store alone', () => {
  it('goes on after a flush in mid batch: every shot is delivered, each paid once, and the ledger is the bill', async () => {
    await using workshop = await openWorkshop({
      ...QUICK,
      fal: { seed: 'rebuild', listLagMs: 200, slots: 8, latencyMs: 60 },
    });
    const { faults } = workshop.fal;
    faults.add({ on: 'submit', kind: 'accepted-then-reset', times: 4, probability: 0.2 });
    faults.add({ on: 'submit', kind: 'rate-limited', retryAfterS: 1, times: 2, probability: 0.1 });
    faults.add({ on: 'run', kind: 'internal_server_error', times: 2, probability: 0.1 });
    faults.add({ on: 'result', kind: 'status', status: 500, times: 4, probability: 0.2 });
    const batch = await workshop.enqueueRows(shots(30), { cap: 5_000_000 });
    await workshop.startWorker();
    await workshop.untilStatus(batch, ({ counts }) => counts.delivered >= 8 && counts.delivered < 25);
    await flush(workshop.redis);
    // They notice by themselves.
    await until(
      async () => await workshop.shop.batches.stopped(),
      (stop) => stop?.code === 'redis_lost',
    );

    const rebuilt = await rebuild(workshop);

    expect(rebuilt.counts.delivered).toBeGreaterThanOrEqual(8);
    // What was stopped between its intent and its POST may be decided only by the next picture that is made.
    const { status, others } = await untilEndedOrDecided(workshop, batch, 40_000);
    expect(status).toMatchObject({ state: 'done', counts: { delivered: 30, failed: 0, unknown: 0 } });
    await expectPaidOnce(workshop, batch, ...others);
    await expectLedgerIsBook(workshop);
    await expectMoneyAtRest(workshop, batch, ...others);
  }, 90_000);

  it('may be repeated, and comes to the same', async () => {
    await using workshop = await openWorkshop({ ...QUICK, fal: { seed: 'again', latencyMs: 60 } });
    const batch = await workshop.enqueueRows(shots(12));
    const work = await workshop.startWorker();
    await workshop.untilStatus(batch, ({ counts }) => counts.delivered >= 3);
    await work[Symbol.asyncDispose]();
    await flush(workshop.redis);

    const first = await rebuild(workshop);
    const second = await rebuild(workshop);

    // A picture that was being rendered may have been delivered in between; nothing else moves.
    const requests = ({ counts }: Rebuilt) => Object.values(counts).reduce((sum, one) => sum + one, 0);
    expect(requests(first)).toBe(12);
    expect(requests(second)).toBe(12);
    expect(second.counts.planned).toBe(first.counts.planned);
    expect({ ...second, counts: {} }).toEqual({ ...first, counts: {} });
    expect(await workshop.status(batch)).toMatchObject({ state: 'running' });
  }, 40_000);

  it('keeps a raised cap, what was spent, a pause, and what failed for good', async () => {
    await using workshop = await openWorkshop({ ...QUICK, fal: { seed: 'kept' } });
    const paused = await workshop.enqueueRows([{ id: 'P', prompt: 'a pause' }], { batch: 'paused' });
    await pauseBatch(paused, workshop.operations);
    const failed = await workshop.enqueueRows(
      [
        { id: 'F', prompt: 'refused' },
        { id: 'G', prompt: 'too dear', variants: '4' },
      ],
      { batch: 'failed', cap: 20_000 },
    );
    workshop.fal.faults.add({ on: 'submit', kind: 'invalid', times: 1 });
    const work = await workshop.startWorker();
    await workshop.untilStatus(failed, ({ counts }) => counts.failed === 1);
    const raised = await workshop.enqueueRows(shots(4), { batch: 'raised', cap: 45_000 });
    await workshop.untilStatus(raised, ({ state, counts }) => state === 'held' && counts.delivered > 0);
    await pauseAll(workshop.operations);
    await resumeBatch(raised, { cap: 60_000 }, workshop.operations);
    await work[Symbol.asyncDispose]();
    const before = await workshop.shop.batches.read(raised);
    const charged = workshop.fal.book.totalMicroUsd();
    await flush(workshop.redis);

    await rebuild(workshop);

    expect(await workshop.shop.batches.read(raised)).toMatchObject({
      cap: 60_000,
      spent: before?.spent,
      imagesPaid: before?.imagesPaid,
    });
    expect(await workshop.shop.batches.read(paused)).toMatchObject({ word: 'paused' });
    expect(await workshop.shop.batches.stopped()).toMatchObject({ code: 'operator' });
    const day = (await workshop.redis.client.keys(`${workshop.redis.prefix}:money:day:*`)).map((key) =>
      key.slice(`${workshop.redis.prefix}:money:`.length),
    );
    expect(day).toHaveLength(1);
    expect(await workshop.shop.batches.money(day[0] ?? '')).toEqual({ reserved: 0, spent: charged });
    expect(await workshop.shop.batches.read(failed)).toMatchObject({ counts: { failed: 1, planned: 1 } });
    expect(Object.keys(await failuresOf(workshop, failed))).toEqual(['F']);
  }, 40_000);

  it('restores what is in doubt with its money, and plans again only what was never sent', async () => {
    await using workshop = await openWorkshop({ ...QUICK, fal: { seed: 'doubt', latencyMs: 400, slots: 3 } });
    const batch = await workshop.enqueueRows(shots(9));
    const work = await workshop.startWorker();
    await workshop.untilStatus(batch, ({ counts }) => counts.submitted >= 2);
    await work[Symbol.asyncDispose]();
    const before = await workshop.status(batch);
    const view = await workshop.shop.batches.read(batch);
    await flush(workshop.redis);

    const { counts, reserved } = await rebuild(workshop);

    const doubts = (counts.submitted ?? 0) + (counts.unknown ?? 0);
    expect(doubts).toBeGreaterThanOrEqual(before.counts.submitted + before.counts.unknown);
    expect(reserved).toBeGreaterThanOrEqual(view?.reserved ?? 0);
    await workshop.startWorker();
    // What had its intent and no POST may be decided only by the next picture that is made.
    const { others } = await untilEndedOrDecided(workshop, batch, 40_000);
    expect(await failuresOf(workshop, batch)).toEqual({});
    await expectPaidOnce(workshop, batch, ...others);
    await expectLedgerIsBook(workshop);
    await expectMoneyAtRest(workshop, batch, ...others);
  }, 90_000);

  it('plans what was in doubt again in a round that no run of before can be in', async () => {
    await using workshop = await openWorkshop({ ...QUICK, fal: { seed: 'rounds' } });
    workshop.fal.faults.add({ on: 'submit', kind: 'accepted-then-reset', times: 1 });
    workshop.fal.faults.add({ on: 'list', kind: 'status', status: 500 });
    const batch = await workshop.enqueueRows(shots(1));
    {
      await using _worker = await workshop.startWorker();
      await workshop.untilStatus(batch, ({ counts }) => counts.unknown === 1);
    }
    const { records } = workshop.shop;
    const request = requestKeyOf({ batch, row: 0, part: 0 });
    await flush(workshop.redis);
    const rebuiltAtS = Math.floor(Date.now() / 1_000);

    await rebuild(workshop);

    // Its objects are in the round in which it was sent.
    expect(await records.read(request)).toMatchObject({ state: 'unknown', round: 0 });
    expect(await records.transition('absent', { request })).toMatchObject({ code: 'ok' });
    // A run of before the loss counted its rounds one by one, and may yet write the intent of the last one.
    const { round = 0 } = (await records.read(request)) ?? {};
    expect(round).toBeGreaterThanOrEqual(rebuiltAtS);
    // From there on they are counted one by one again.
    const { row } = await workshop.shop.journal.planned({ batch, row: 0, part: 0 });
    const take = { shotKey: row.shotKey, indices: [0], price: 20_000 };
    expect(await records.transition('reserve', { request, take })).toMatchObject({ code: 'ok', round });
    expect(await records.transition('release', { request })).toMatchObject({ code: 'ok', round: round + 1 });
  }, 40_000);

  it('keeps a job that comes while it runs, since it would give no other where that one is there', async () => {
    await using workshop = await openWorkshop({ ...QUICK, fal: { seed: 'midst' } });
    const { queues, batches } = workshop.shop;
    workshop.fal.faults.add({ on: 'result', kind: 'status', status: 500 });
    const batch = await workshop.enqueueRows(shots(1));
    await workshop.startWorker();
    await workshop.untilStatus(batch, ({ counts }) => counts.submitted === 1);
    await flush(workshop.redis);
    await until(
      async () => await batches.stopped(),
      (stop) => stop?.code === 'redis_lost',
      20_000,
    );
    workshop.fal.faults.clear();
    // As a run does that waited for fal all the time: it hands over to `collect`, whatever Redis knows.
    const call = { request: requestKeyOf({ batch, row: 0, part: 0 }), round: 0, priority: 1 };
    const jobComes = async () => {
      await queues.hurry('collect', call);
      await until(
        () => queues.queue('collect').getJobState(jobIdOf(call.request, call.round)),
        (state) => state === 'delayed',
        20_000,
      );
    };

    await rebuild(workshop, {
      // There is no record yet, and then one whose steps are refused.
      records: jobComes,
      begin: jobComes,
    });

    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 1 } });
    await expectPaidOnce(workshop, batch);
    await expectLedgerIsBook(workshop);
    await expectMoneyAtRest(workshop, batch);
  }, 120_000);
});

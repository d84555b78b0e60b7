import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, jest } from '@jest/globals';
import { expectLedgerIsBook, expectMoneyAtRest, expectPaidOnce } from '../../support/accounts.ts';
import { untilEndedOrDecided } from '../../support/another-picture.ts';
import { until } from '../../support/fal.ts';
import { openWorkshop } from '../../support/workshop.ts';

// Waits are for conditions; on a machine that is busy with other work they come to pass late.
jest.setTimeout(90_000);

const shots = (count: number, more: Readonly<Record<string, string>> = {}) =>
  Array.from({ length: count }, (_, at) => ({ id: `jar-${at}`, prompt: `a jar number ${at}`, ...more }));

const TWO_HOURS_MS = 7_200_000;

describe('a worker that comes back two hours later', () => {
  it('delivers what was paid for, from the list of the platform, and posts nothing', async () => {
    let aheadMs = 0;
    await using workshop = await openWorkshop({ fal: { clock: () => Date.now() + aheadMs } });
    const batch = await workshop.enqueueRows(shots(6, { variants: '2' }));
    await using submits = await workshop.startWorker({ roles: ['generate'] });
    await workshop.untilStatus(batch, ({ counts }) => counts.submitted === 6);
    await until(
      async () => workshop.fal.book.charged(),
      (charged) => charged.length === 6,
    );
    await submits[Symbol.asyncDispose]();

    aheadMs = TWO_HOURS_MS;
    await workshop.startWorker();
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 6, failed: 0 } });
    expect(workshop.fal.book.entries()).toHaveLength(6);
    await expectPaidOnce(workshop, batch);
    await expectLedgerIsBook(workshop);
    await expectMoneyAtRest(workshop, batch);
  });

  it('finds the submits whose answers it never saw, and posts nothing', async () => {
    let aheadMs = 0;
    await using workshop = await openWorkshop({
      fal: { clock: () => Date.now() + aheadMs, listLagMs: 2_000 },
    });
    workshop.fal.faults.add({ on: 'submit', kind: 'accepted-then-reset' });
    const batch = await workshop.enqueueRows(shots(4));
    await using submits = await workshop.startWorker({ roles: ['generate'] });
    await workshop.untilStatus(batch, ({ counts }) => counts.unknown === 4);
    await submits[Symbol.asyncDispose]();

    workshop.fal.faults.clear();
    aheadMs = TWO_HOURS_MS;
    await workshop.startWorker();
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 4, failed: 0 } });
    expect(workshop.fal.book.entries()).toHaveLength(4);
    await expectLedgerIsBook(workshop);
  });
});

describe('a worker that stops', () => {
  it('leaves what is under way to the next one, which pays nothing again', async () => {
    await using workshop = await openWorkshop({ fal: { latencyMs: 150, slots: 4 } });
    const batch = await workshop.enqueueRows(shots(40));
    for (const delivered of [3, 10, 20]) {
      await using worker = await workshop.startWorker();
      await workshop.untilStatus(batch, ({ counts }) => counts.delivered >= delivered);
      await worker[Symbol.asyncDispose]();
    }
    await workshop.startWorker();
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 40, failed: 0 } });
    await expectPaidOnce(workshop, batch);
    await expectLedgerIsBook(workshop);
    await expectMoneyAtRest(workshop, batch);
  });
});

describe('a job that is lost', () => {
  it('is given again by the sweep: a button on a queue dashboard cannot lose work', async () => {
    await using workshop = await openWorkshop();
    const batch = await workshop.enqueueRows(shots(12));
    await using submits = await workshop.startWorker({ roles: ['generate'] });
    await workshop.untilStatus(batch, ({ counts }) => counts.submitted >= 4);
    await submits[Symbol.asyncDispose]();
    for (const name of ['generate', 'collect', 'render'] as const) {
      await workshop.shop.queues.queue(name).obliterate({ force: true });
    }
    expect(await workshop.sweep()).toBe(12);
    await workshop.startWorker();
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 12, failed: 0 } });
    await expectPaidOnce(workshop, batch);
    await expectLedgerIsBook(workshop);
  });

  it('is not paid for by jobs too many, in whatever queue and round', async () => {
    await using workshop = await openWorkshop({
      fal: { latencyMs: 60 },
      settings: { FAL_START_TIMEOUT_S: '2', FAL_UNKNOWN_MARGIN_S: '1' },
      postWindowMs: 500,
    });
    const batch = await workshop.enqueueRows(shots(6));
    await Promise.all([workshop.startWorker(), workshop.startWorker()]);
    const calls = shots(6).map((_, row) => ({ request: `${batch}.${row}.0`, round: 900, priority: 1 }));
    for (const name of ['generate', 'collect', 'render'] as const)
      await workshop.shop.queues.add(name, calls);
    // A job too many may take a request out of the hands of the one before it; what that leaves is swept up.
    while (!['done', 'held'].includes((await workshop.status(batch)).state)) {
      await workshop.sweep();
      await delay(50);
    }
    const { status, others } = await untilEndedOrDecided(workshop, batch);
    expect(status).toMatchObject({ counts: { delivered: 6, failed: 0 } });
    await expectPaidOnce(workshop, batch, ...others);
    await expectLedgerIsBook(workshop);
    await expectMoneyAtRest(workshop, batch, ...others);
  });
});

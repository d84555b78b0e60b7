import { describe, expect, it, jest } from '@jest/globals';
import { resumeBatch } from '../../../src/operations/batches.ts';
import { parseUsd } from '../../../src/shared/base/money.ts';
import type { BatchStatus } from '../../../src/shared/status/status.ts';
import { expectLedgerIsBook, expectMoneyAtRest, expectPaidOnce } from '../../support/accounts.ts';
import { openWorkshop } from '../../support/workshop.ts';

// Waits are for conditions; on a machine that is busy with other work they come to pass late.
jest.setTimeout(90_000);

const shots = (count: number, more: Readonly<Record<string, string>> = {}) =>
  Array.from({ length: count }, (_, at) => ({ id: `bowl-${at}`, prompt: `a bowl number ${at}`, ...more }));

const isHeldAtRest = ({ state, counts }: BatchStatus) =>
  state === 'held' && counts.submitting + counts.submitted + counts.generated + counts.rendering === 0;

describe('a cap', () => {
  it('on a batch is never exceeded by workers that race for the last cent, and resume with a higher total goes on', async () => {
    // Two cents a request; the odd cent can never be spent.
    const cap = parseUsd('0.15') ?? 0;
    await using workshop = await openWorkshop({ fal: { cap, latencyMs: 30 } });
    const batch = await workshop.enqueueRows(shots(20), { cap });
    await Promise.all([workshop.startWorker(), workshop.startWorker(), workshop.startWorker()]);

    const held = await workshop.untilStatus(batch, isHeldAtRest);
    expect(held.heldReason).toContain('cap');
    expect(held).toMatchObject({
      counts: { delivered: 7, held: 13, failed: 0 },
      money: { capUsd: 0.15, spentUsd: 0.14, reservedUsd: 0 },
    });
    expect(workshop.fal.book.violations).toEqual([]);
    expect(workshop.fal.book.totalMicroUsd()).toBe(140_000);

    await resumeBatch(batch, { cap: parseUsd('1') }, workshop.operations);
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 20, failed: 0, held: 0 } });
    await expectPaidOnce(workshop, batch);
    await expectLedgerIsBook(workshop);
    await expectMoneyAtRest(workshop, batch);
  });

  it('too tight for the dearest request still lets the cheaper ones through', async () => {
    const cap = parseUsd('0.05') ?? 0;
    await using workshop = await openWorkshop({ fal: { cap } });
    const batch = await workshop.enqueueRows(
      [
        ...shots(2, { quality: 'high', image_size: '1536x1024' }),
        { id: 'plain', prompt: 'a plain bowl', quality: 'low' },
      ],
      { cap },
    );
    await workshop.startWorker();
    const held = await workshop.untilStatus(batch, isHeldAtRest);
    expect(held).toMatchObject({ counts: { delivered: 1, held: 2 }, money: { spentUsd: 0.01 } });
    expect(held.heldReason).toContain('cap');
    expect(workshop.fal.book.violations).toEqual([]);
  });

  it('on a day holds over all batches', async () => {
    const cap = parseUsd('0.10') ?? 0;
    await using workshop = await openWorkshop({ fal: { cap }, settings: { DAILY_CAP_USD: '0.10' } });
    const first = await workshop.enqueueRows(shots(4), { batch: 'first' });
    const second = await workshop.enqueueRows(
      shots(4).map(({ id, prompt }) => ({ id: `${id}-b`, prompt: `${prompt}, blue` })),
      { batch: 'second' },
    );
    await Promise.all([workshop.startWorker(), workshop.startWorker()]);
    const held = await Promise.all(
      [first, second].map((batch) =>
        workshop.untilStatus(batch, (status) => isHeldAtRest(status) || status.state === 'done'),
      ),
    );
    expect(held.map(({ counts }) => counts.delivered).reduce((sum, one) => sum + one, 0)).toBe(5);
    expect(held.find(({ state }) => state === 'held')?.heldReason).toContain('day cap of $0.10');
    expect(workshop.fal.book.violations).toEqual([]);
    expect(workshop.fal.book.totalMicroUsd()).toBe(cap);
    await expectLedgerIsBook(workshop);
  });

  it('on a month holds, and its reason says which', async () => {
    const cap = parseUsd('0.04') ?? 0;
    await using workshop = await openWorkshop({ fal: { cap }, settings: { MONTHLY_CAP_USD: '0.04' } });
    const batch = await workshop.enqueueRows(shots(4));
    await workshop.startWorker();
    const held = await workshop.untilStatus(batch, isHeldAtRest);
    expect(held.counts.delivered).toBe(2);
    expect(held.heldReason).toContain('month cap of $0.04');
    expect(workshop.fal.book.violations).toEqual([]);
  });

  it('counts a request of quality auto at its dearest until its price is known', async () => {
    const cap = parseUsd('0.07') ?? 0;
    await using workshop = await openWorkshop({ fal: { cap, latencyMs: 200 } });
    // Dearest: high at any other size, 6 cents. A second one has no room while the first is open.
    const batch = await workshop.enqueueRows(shots(3, { quality: 'auto', image_size: 'auto' }), { cap });
    await Promise.all([workshop.startWorker(), workshop.startWorker()]);
    const open = await workshop.untilStatus(batch, ({ money }) => money.reservedUsd > 0);
    expect(open.money.reservedUsd).toBe(0.06);
    await workshop.untilStatus(batch, (status) => isHeldAtRest(status) || status.state === 'done');
    expect(workshop.fal.book.violations).toEqual([]);
    await expectLedgerIsBook(workshop);
  });

  it('counts what is unknown as reserved: nothing may be spent on the strength of a lost answer', async () => {
    const cap = parseUsd('0.04') ?? 0;
    await using workshop = await openWorkshop({ fal: { cap }, settings: { FAL_CONCURRENCY: '1' } });
    workshop.fal.faults.add({ on: 'submit', kind: 'reset', times: 1 });
    const batch = await workshop.enqueueRows(shots(3), { cap });
    await workshop.startWorker();
    const waiting = await workshop.untilStatus(
      batch,
      ({ counts }) => counts.delivered === 1 && counts.unknown === 1,
    );
    expect(waiting).toMatchObject({
      counts: { planned: 1, held: 0 },
      money: { reservedUsd: 0.02, spentUsd: 0.02 },
    });
    expect(workshop.fal.book.violations).toEqual([]);
  });
});

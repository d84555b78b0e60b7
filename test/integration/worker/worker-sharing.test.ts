import { describe, expect, it, jest } from '@jest/globals';
import { expectLedgerIsBook, expectMoneyAtRest, expectPaidOnce } from '../../support/accounts.ts';
import { untilEndedOrDecided } from '../../support/another-picture.ts';
import { openWorkshop } from '../../support/workshop.ts';

// Waits are for conditions; on a machine that is busy with other work they come to pass late.
jest.setTimeout(90_000);

const shots = (count: number, variants: number) =>
  Array.from({ length: count }, (_, at) => ({
    id: `mug-${at}`,
    prompt: `a mug number ${at}`,
    variants: String(variants),
  }));

describe('the same pictures', () => {
  it('wanted by two batches at the same time are paid once, whatever number of variants each wants', async () => {
    await using workshop = await openWorkshop({ fal: { latencyMs: 60 } });
    const three = await workshop.enqueueRows(shots(8, 3), { batch: 'three' });
    const two = await workshop.enqueueRows(shots(8, 2), { batch: 'two' });
    const same = await workshop.enqueueRows(shots(8, 3), { batch: 'same' });
    await Promise.all([workshop.startWorker(), workshop.startWorker()]);
    for (const batch of [three, two, same]) {
      expect(await workshop.untilEnded(batch)).toMatchObject({ state: 'done', counts: { failed: 0 } });
    }
    await expectPaidOnce(workshop, three, two, same);
    await expectLedgerIsBook(workshop);
    await expectMoneyAtRest(workshop, three, two, same);
  });

  it('wanted by another batch while the answer of the first is lost wait for it, and are paid once', async () => {
    await using workshop = await openWorkshop({
      fal: { listLagMs: 500 },
      settings: { FAL_START_TIMEOUT_S: '2', FAL_UNKNOWN_MARGIN_S: '1' },
      postWindowMs: 500,
    });
    workshop.fal.faults.add({ on: 'submit', kind: 'accepted-then-reset', times: 4 });
    const first = await workshop.enqueueRows(shots(4, 1), { batch: 'first' });
    const second = await workshop.enqueueRows(shots(4, 1), { batch: 'second' });
    await Promise.all([workshop.startWorker(), workshop.startWorker()]);
    for (const batch of [first, second]) {
      expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 4, failed: 0 } });
    }
    await expectPaidOnce(workshop, first, second);
    await expectLedgerIsBook(workshop);
  });

  it('that one batch cannot have, since fal refuses them once, are tried by the other', async () => {
    await using workshop = await openWorkshop({ fal: { latencyMs: 150 } });
    workshop.fal.faults.add({ on: 'run', kind: 'content_policy_violation', times: 1 });
    const first = await workshop.enqueueRows(shots(1, 1), { batch: 'first' });
    const second = await workshop.enqueueRows(shots(1, 1), { batch: 'second' });
    await workshop.startWorker();
    const ends = await Promise.all([first, second].map((batch) => workshop.untilEnded(batch)));
    expect(ends.map(({ counts }) => counts.delivered).sort()).toEqual([0, 1]);
    expect(workshop.fal.book.charged()).toHaveLength(1);
    await expectLedgerIsBook(workshop);
  });

  it('made already are not paid again by a later batch', async () => {
    await using workshop = await openWorkshop();
    const first = await workshop.enqueueRows(shots(3, 2), { batch: 'first' });
    await workshop.startWorker();
    await workshop.untilEnded(first);
    const second = await workshop.enqueueRows(shots(3, 3), { batch: 'second' });
    expect(await workshop.untilEnded(second)).toMatchObject({ state: 'done', counts: { failed: 0 } });
    await expectPaidOnce(workshop, first, second);
    await expectLedgerIsBook(workshop);
  });
});

describe('the same list', () => {
  it('enqueued twice at the same time is one batch, paid once; and once more after its end, nothing', async () => {
    await using workshop = await openWorkshop();
    await workshop.startWorker();
    const batches = await Promise.all([
      workshop.enqueueRows(shots(20, 1)),
      workshop.enqueueRows(shots(20, 1)),
      workshop.enqueueRows(shots(20, 1)),
    ]);
    const [batch = ''] = batches;
    expect(new Set(batches).size).toBe(1);
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 20, failed: 0 } });
    expect(await workshop.enqueueRows(shots(20, 1))).toMatch(/^test-/);
    await expectPaidOnce(workshop, batch);
    expect(workshop.fal.book.entries()).toHaveLength(20);
  });
});

describe('the same prompt under different ids', () => {
  it('is another picture for each, and each is paid once, though answers are lost', async () => {
    await using workshop = await openWorkshop({
      fal: { listLagMs: 200, latencyMs: 30 },
      settings: { FAL_START_TIMEOUT_S: '2', FAL_UNKNOWN_MARGIN_S: '1' },
      postWindowMs: 500,
    });
    workshop.fal.faults.add({ on: 'submit', kind: 'accepted-then-reset', probability: 0.3, times: 5 });
    workshop.fal.faults.add({ on: 'submit', kind: 'unavailable', probability: 0.2, times: 2 });
    const rows = Array.from({ length: 12 }, (_, at) => ({ id: `twin-${at}`, prompt: 'a plain white mug' }));
    const batch = await workshop.enqueueRows(rows);
    await Promise.all([workshop.startWorker(), workshop.startWorker()]);
    const { status, others } = await untilEndedOrDecided(workshop, batch);
    expect(status).toMatchObject({ counts: { delivered: 12, failed: 0 } });
    await expectPaidOnce(workshop, batch, ...others);
    await expectLedgerIsBook(workshop);
    await expectMoneyAtRest(workshop, batch, ...others);
  });
});

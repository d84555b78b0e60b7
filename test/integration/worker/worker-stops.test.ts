import { describe, expect, it, jest } from '@jest/globals';
import type { Fault } from '../../../src/local/fal/faults.ts';
import { pauseAll, resumeAll } from '../../../src/operations/batches.ts';
import { expectLedgerIsBook, expectMoneyAtRest, expectPaidOnce } from '../../support/accounts.ts';
import { testFal } from '../../support/fal.ts';
import { openWorkshop } from '../../support/workshop.ts';

// Waits are for conditions; on a machine that is busy with other work they come to pass late.
jest.setTimeout(90_000);

const shots = (count: number, word = 'lamp') =>
  Array.from({ length: count }, (_, at) => ({ id: `${word}-${at}`, prompt: `a ${word} number ${at}` }));

describe('submits stop everywhere', () => {
  it.each([
    ['401', { on: 'submit', kind: 'unauthorized' }, 'key', 'the key is not valid'],
    [
      '403 for the balance',
      { on: 'submit', kind: 'exhausted-balance' },
      'balance',
      'User is locked. Reason: Exhausted balance',
    ],
  ] as const satisfies readonly (readonly [string, Fault, string, string])[])(
    "on %s: every batch is held with fal's words, nothing fails, and resume goes on",
    async (_name, fault, code, words) => {
      await using workshop = await openWorkshop();
      workshop.fal.faults.add(fault);
      const first = await workshop.enqueueRows(shots(3), { batch: 'first' });
      const second = await workshop.enqueueRows(shots(3, 'chair'), { batch: 'second' });
      await workshop.startWorker();
      await workshop.startWorker();

      for (const batch of [first, second]) {
        const held = await workshop.untilStatus(
          batch,
          ({ state, counts }) => state === 'held' && counts.planned === 3,
        );
        expect(held).toMatchObject({ counts: { failed: 0 }, money: { reservedUsd: 0, spentUsd: 0 } });
        expect(held.heldReason).toContain(code);
        expect(held.heldReason).toContain(words);
      }
      expect(workshop.fal.book.entries()).toEqual([]);

      workshop.fal.faults.clear();
      await resumeAll(workshop.operations);
      for (const batch of [first, second]) {
        expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 3, failed: 0 } });
      }
      await expectPaidOnce(workshop, first, second);
      await expectLedgerIsBook(workshop);
    },
  );

  it('on a price rise: it is booked as charged, and nothing more is submitted until a person resumes', async () => {
    await using workshop = await openWorkshop({
      fal: { priceRise: 3, slots: 1 },
      settings: { FAL_CONCURRENCY: '1' },
    });
    const batch = await workshop.enqueueRows(shots(6));
    await workshop.startWorker();
    const held = await workshop.untilStatus(
      batch,
      ({ state, counts }) =>
        state === 'held' && counts.submitting + counts.submitted + counts.rendering === 0,
    );
    expect(held.heldReason).toContain('price_changed');
    expect(held.heldReason).toContain('$0.06');
    expect(held.counts.planned).toBeGreaterThan(0);
    await expectLedgerIsBook(workshop);
    await expectMoneyAtRest(workshop, batch);
  });

  it('when a person says so, and what is at fal already is finished', async () => {
    await using workshop = await openWorkshop({
      fal: { latencyMs: 400, slots: 2 },
      settings: { FAL_CONCURRENCY: '2' },
    });
    const batch = await workshop.enqueueRows(shots(6));
    await workshop.startWorker();
    await workshop.untilStatus(batch, ({ counts }) => counts.submitted > 0);
    await pauseAll(workshop.operations);
    const held = await workshop.untilStatus(
      batch,
      ({ counts }) => counts.planned + counts.delivered === 6 && counts.delivered > 0,
    );
    expect(held).toMatchObject({ state: 'held' });
    expect(held.counts.planned).toBeGreaterThan(0);
    await resumeAll(workshop.operations);
    await workshop.untilEnded(batch);
    await expectPaidOnce(workshop, batch);
  });
});

describe('429', () => {
  it('slows everyone down for as long as fal asks, and uses no attempt', async () => {
    await using workshop = await openWorkshop({ settings: { FAL_CONCURRENCY: '1' } });
    workshop.fal.faults.add({ on: 'submit', kind: 'rate-limited', retryAfterS: 1, times: 5 });
    const batch = await workshop.enqueueRows(shots(2));
    const startedAtMs = Date.now();
    await workshop.startWorker();
    await workshop.startWorker();
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 2, failed: 0 } });
    const [first] = workshop.fal.book.entries();
    expect((first?.acceptedAtMs ?? 0) - startedAtMs).toBeGreaterThanOrEqual(4_900);
    await expectPaidOnce(workshop, batch);
  });
});

describe('a connection refused', () => {
  it('is a definite no: nothing is unknown, and the batch goes on once fal is back', async () => {
    await using workshop = await openWorkshop();
    const batch = await workshop.enqueueRows(shots(2));
    const port = Number(new URL(workshop.fal.queueUrl).port);
    await workshop.fal[Symbol.asyncDispose]();
    await workshop.startWorker();
    const waiting = await workshop.untilStatus(batch, ({ counts }) => counts.planned === 2);
    expect(waiting).toMatchObject({ state: 'running', counts: { unknown: 0, failed: 0 } });
    await using back = await testFal({ key: workshop.fal.key, port });
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 2, failed: 0 } });
    expect(back.book.charged()).toHaveLength(2);
  });
});

import { describe, expect, it, jest } from '@jest/globals';
import type { Fault, FaultedRequest } from '../../../../src/local/fal/faults.ts';
import { resumeAll } from '../../../../src/operations/batches.ts';
import { expectLedgerIsBook, expectMoneyAtRest, expectPaidOnce } from '../../../support/accounts.ts';
import { openWorkshop, type Workshop } from '../../../support/workshop.ts';

// Waits are for conditions; on a machine that is busy with other work they come to pass late.
jest.setTimeout(90_000);

const OLD = 'fal-ai/gpt-image-1-mini';
const NEW = 'openai/gpt-image-2.5/flare/text-to-image';
/** As the workshop sets it: over all workers. */
const CONCURRENCY = 8;

const shots = (count: number, model = OLD, word = 'lamp') =>
  Array.from({ length: count }, (_, at) => ({
    id: `${word}-${at}`,
    prompt: `a ${word} number ${at}`,
    model,
  }));

/** fal answers every submit of the endpoint so. */
function refuse(
  { fal }: Workshop,
  fault: Extract<Fault, { readonly on: 'submit' }>,
  endpoint = OLD,
): { readonly posts: () => number } {
  let posts = 0;
  const when = (request: FaultedRequest) => {
    if (request.endpoint !== endpoint) return false;
    posts += 1;
    return true;
  };
  fal.faults.add({ ...fault, when });
  return { posts: () => posts };
}

describe('a fault of the account, told by a submit', () => {
  it.each([
    ['402', 'payment-required', 'Payment Required'],
    ['423 of a locked account', 'account-locked', 'a payment is due'],
  ] as const)(
    '%s: of 40 rows those in flight are sent, none fails, and resume goes on',
    async (_name, kind, words) => {
      await using workshop = await openWorkshop();
      const refused = refuse(workshop, { on: 'submit', kind });
      const batch = await workshop.enqueueRows(shots(40));
      for (let worker = 0; worker < 3; worker += 1) await workshop.startWorker();
      const held = await workshop.untilStatus(
        batch,
        ({ state, counts }) => state === 'held' && counts.planned === 40,
      );
      expect(held).toMatchObject({ counts: { failed: 0 }, money: { reservedUsd: 0, spentUsd: 0 } });
      expect(held.heldReason).toContain('balance');
      expect(held.heldReason).toContain(words);
      expect(refused.posts()).toBeLessThanOrEqual(CONCURRENCY);

      workshop.fal.faults.clear();
      await resumeAll(workshop.operations);
      expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 40, failed: 0 } });
      await expectPaidOnce(workshop, batch);
      await expectLedgerIsBook(workshop);
    },
  );
});

describe('423 that is not of the account', () => {
  it('lets everyone wait as long as fal says, and uses no attempt', async () => {
    await using workshop = await openWorkshop({ settings: { FAL_CONCURRENCY: '1' } });
    workshop.fal.faults.add({ on: 'submit', kind: 'locked', retryAfterS: 0.3, times: 4 });
    const batch = await workshop.enqueueRows(shots(2));
    const startedAtMs = Date.now();
    await workshop.startWorker();
    await workshop.startWorker();
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 2, failed: 0 } });
    const [first] = workshop.fal.book.entries();
    expect((first?.acceptedAtMs ?? 0) - startedAtMs).toBeGreaterThanOrEqual(1_200);
    expect((await workshop.shop.endpointStops.all()).size).toBe(0);
    await expectPaidOnce(workshop, batch);
  });

  it('stops its endpoint after five in a row, and another model goes on', async () => {
    await using workshop = await openWorkshop({ settings: { FAL_CONCURRENCY: '1' } });
    const locked = refuse(workshop, { on: 'submit', kind: 'locked', retryAfterS: 0.05 });
    const batch = await workshop.enqueueRows(shots(12));
    const other = await workshop.enqueueRows(shots(2, NEW, 'chair'), { batch: 'other' });
    await workshop.startWorker();
    await workshop.startWorker();
    const held = await workshop.untilStatus(batch, ({ counts }) => counts.held === 12);
    expect(held).toMatchObject({ state: 'held', counts: { failed: 0 }, money: { reservedUsd: 0 } });
    expect(held.heldReason).toContain('endpoint: fal says "The application is being updated (423)"');
    expect(locked.posts()).toBe(5);
    expect(await workshop.untilEnded(other)).toMatchObject({ counts: { delivered: 2 } });
    expect(await workshop.shop.batches.stopped()).toBeUndefined();
  });

  it('counts those in a row alone: an answer in between begins anew', async () => {
    await using workshop = await openWorkshop({ settings: { FAL_CONCURRENCY: '1' } });
    const { faults } = workshop.fal;
    let posts = 0;
    // Each fifth is accepted, but for one of another kind.
    faults.add({
      on: 'submit',
      kind: 'locked',
      retryAfterS: 0.02,
      when: () => {
        posts += 1;
        return posts % 5 !== 0;
      },
    });
    faults.add({ on: 'submit', kind: 'conflict', when: () => posts === 15 });
    const batch = await workshop.enqueueRows(shots(3));
    await workshop.startWorker();
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 3, failed: 0 } });
    expect(posts).toBe(20);
    expect((await workshop.shop.endpointStops.all()).size).toBe(0);
  });
});

describe('a no that may pass', () => {
  it.each(['conflict', 'too-early'] as const)(
    '%s: again within the attempts, then the row fails',
    async (kind) => {
      await using workshop = await openWorkshop();
      workshop.fal.faults.add({
        on: 'submit',
        kind,
        times: 3,
        when: ({ input }) => input?.['prompt'] === 'a lamp number 0',
      });
      const never = refuse(workshop, { on: 'submit', kind }, NEW);
      const batch = await workshop.enqueueRows([...shots(2), ...shots(1, NEW, 'chair')]);
      await workshop.startWorker();
      expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 2, failed: 1 } });
      expect(never.posts()).toBe(4);
      await expectLedgerIsBook(workshop);
      await expectMoneyAtRest(workshop, batch);
    },
  );

  it('499 may have been accepted: it is looked for, and paid once', async () => {
    await using workshop = await openWorkshop();
    workshop.fal.faults.add({ on: 'submit', kind: 'accepted-then-status', status: 499, times: 2 });
    const batch = await workshop.enqueueRows(shots(3));
    await workshop.startWorker();
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 3, failed: 0 } });
    expect(workshop.fal.book.charged()).toHaveLength(3);
    await expectPaidOnce(workshop, batch);
    await expectLedgerIsBook(workshop);
  });
});

describe('a code that a read is answered with', () => {
  it.each([405, 408, 409, 423, 425])(
    '%i says nothing about the request, which is paid and kept',
    async (status) => {
      await using workshop = await openWorkshop();
      const headers = { 'retry-after': '0.1' };
      workshop.fal.faults.add({
        on: 'result',
        kind: 'status',
        status,
        headers,
        body: { detail: 'not now' },
        times: 2,
      });
      const batch = await workshop.enqueueRows(shots(2));
      await workshop.startWorker();
      expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 2, failed: 0 } });
      await expectPaidOnce(workshop, batch);
      await expectLedgerIsBook(workshop);
    },
  );
});

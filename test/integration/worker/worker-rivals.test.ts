import { describe, expect, it, jest } from '@jest/globals';
import { expectLedgerIsBook, expectMoneyAtRest, expectPaidOnce } from '../../support/accounts.ts';
import { untilEndedOrDecided } from '../../support/another-picture.ts';
import { openWorkshop } from '../../support/workshop.ts';

// Waits are for conditions; on a machine that is busy with other work they come to pass late.
jest.setTimeout(90_000);

const twins = (count: number, batch: string) =>
  Array.from({ length: count }, (_, at) => ({ id: `${batch}-${at}`, prompt: 'a plain white plate' }));

describe('requests that fal cannot tell apart', () => {
  it('are each paid once, though their answers are lost and workers come and go', async () => {
    await using workshop = await openWorkshop({
      // `TEST_SEED` tries another run of bad luck.
      fal: { seed: process.env['TEST_SEED'] ?? 'rivals', listLagMs: 400, latencyMs: 60 },
      settings: { FAL_START_TIMEOUT_S: '2', FAL_UNKNOWN_MARGIN_S: '1' },
      postWindowMs: 700,
    });
    const { faults } = workshop.fal;
    faults.add({ on: 'submit', kind: 'accepted-then-reset', times: 6, probability: 0.3 });
    faults.add({ on: 'submit', kind: 'accepted-then-status', status: 504, times: 3, probability: 0.2 });
    faults.add({ on: 'submit', kind: 'reset', times: 4, probability: 0.2 });
    faults.add({ on: 'run', kind: 'runner_disconnected', times: 3, probability: 0.2 });
    faults.add({ on: 'list', kind: 'small-pages', pageSize: 3 });

    const one = await workshop.enqueueRows(twins(10, 'one'), { batch: 'one' });
    const two = await workshop.enqueueRows(twins(10, 'two'), { batch: 'two' });
    for (const delivered of [1, 5]) {
      await using worker = await workshop.startWorker();
      await workshop.untilStatus(one, ({ counts }) => counts.delivered >= delivered);
      await worker[Symbol.asyncDispose]();
    }
    await Promise.all([workshop.startWorker(), workshop.startWorker()]);
    const batches = [one, two];
    for (const batch of [one, two]) {
      const { status, others } = await untilEndedOrDecided(workshop, batch);
      expect(status).toMatchObject({ counts: { delivered: 10, failed: 0 } });
      batches.push(...others);
    }
    await expectPaidOnce(workshop, ...batches);
    await expectLedgerIsBook(workshop);
    await expectMoneyAtRest(workshop, ...batches);
  });
});

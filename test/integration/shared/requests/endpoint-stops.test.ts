import { describe, expect, it, jest } from '@jest/globals';
import type { FaultedRequest } from '../../../../src/local/fal/faults.ts';
import { resumeAll, resumeBatch } from '../../../../src/operations/batches.ts';
import {
  expectLedgerIsBook,
  expectMoneyAtRest,
  expectPaidOnce,
  ledgerOf,
} from '../../../support/accounts.ts';
import { openWorkshop, type Workshop } from '../../../support/workshop.ts';

// Waits are for conditions; on a machine that is busy with other work they come to pass late.
jest.setTimeout(90_000);

const OLD = 'fal-ai/gpt-image-1-mini';
const NEW = 'openai/gpt-image-2.5/flare/text-to-image';

const shots = (count: number, model: string, word = 'lamp') =>
  Array.from({ length: count }, (_, at) => ({
    id: `${word}-${at}`,
    prompt: `a ${word} number ${at}`,
    model,
  }));

/** fal answers every submit of the endpoint so; resolves to how many POSTs have met it. */
function goneAt({ fal }: Workshop, endpoint: string, status: number): { readonly posts: () => number } {
  let posts = 0;
  const when = (request: FaultedRequest) => {
    if (request.endpoint !== endpoint) return false;
    posts += 1;
    return true;
  };
  fal.faults.add({ on: 'submit', kind: 'status', status, body: { detail: 'Application not found' }, when });
  return { posts: () => posts };
}

describe('an endpoint that is gone', () => {
  it.each([404, 405, 410])(
    'answers %i: its requests are held with the model to write, none fails, and another model goes on',
    async (status) => {
      await using workshop = await openWorkshop();
      const gone = goneAt(workshop, OLD, status);
      const first = await workshop.enqueueRows(shots(40, OLD), { batch: 'first' });
      const other = await workshop.enqueueRows(shots(3, NEW, 'chair'), { batch: 'other' });
      await workshop.startWorker();
      await workshop.startWorker();

      expect(await workshop.untilEnded(other)).toMatchObject({ counts: { delivered: 3, failed: 0 } });
      const held = await workshop.untilStatus(first, ({ counts }) => counts.held === 40);
      expect(held).toMatchObject({
        state: 'held',
        counts: { failed: 0 },
        money: { reservedUsd: 0, spentUsd: 0 },
      });
      expect(held.heldReason).toContain(`endpoint: fal says "Application not found (${status})"`);
      expect(held.heldReason).toContain('use --model gpt-image-2.5-flare');
      // Those that were in flight when the first answer came, and no more.
      expect(gone.posts()).toBeLessThanOrEqual(8);
      expect(await workshop.shop.batches.stopped()).toBeUndefined();

      workshop.fal.faults.clear();
      await resumeBatch(first, { cap: undefined }, workshop.operations);
      expect(await workshop.untilEnded(first)).toMatchObject({ counts: { delivered: 40, failed: 0 } });
      await expectPaidOnce(workshop, first, other);
      await expectLedgerIsBook(workshop);
      await expectMoneyAtRest(workshop, first, other);
    },
  );

  it('holds the rows of one model in a batch of two, and the batch says so when nothing else is left', async () => {
    await using workshop = await openWorkshop();
    goneAt(workshop, OLD, 410);
    const batch = await workshop.enqueueRows([...shots(4, OLD), ...shots(4, NEW, 'chair')]);
    await workshop.startWorker();
    const held = await workshop.untilStatus(batch, ({ state }) => state === 'held');
    expect(held).toMatchObject({ counts: { delivered: 4, held: 4, failed: 0 } });
    expect(held.heldReason).toContain(OLD);
    await expectLedgerIsBook(workshop);
  });

  it('sends one request after a resume, and holds all again where fal still says no', async () => {
    await using workshop = await openWorkshop();
    const gone = goneAt(workshop, OLD, 404);
    const batch = await workshop.enqueueRows(shots(20, OLD));
    await workshop.startWorker();
    await workshop.untilStatus(batch, ({ counts }) => counts.held === 20);
    const before = gone.posts();

    await resumeAll(workshop.operations);
    await workshop.untilStatus(batch, ({ state }) => state === 'held' && gone.posts() > before);
    expect(await workshop.untilStatus(batch, ({ counts }) => counts.held === 20)).toMatchObject({
      counts: { failed: 0 },
    });
    expect(gone.posts() - before).toBe(1);
    expect([...(await workshop.shop.endpointStops.all()).keys()]).toEqual([OLD]);
  });

  it('lets one request go first after a resume, and the others after its answer', async () => {
    await using workshop = await openWorkshop({ fal: { acceptMs: 300 } });
    goneAt(workshop, OLD, 404);
    const batch = await workshop.enqueueRows(shots(10, OLD));
    await workshop.startWorker();
    await workshop.untilStatus(batch, ({ counts }) => counts.held === 10);
    workshop.fal.faults.clear();
    await resumeAll(workshop.operations);
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 10, failed: 0 } });
    const [first, second] = workshop.fal.book.entries().map(({ acceptedAtMs }) => acceptedAtMs);
    expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(300);
    expect((await workshop.shop.endpointStops.all()).size).toBe(0);
    await expectPaidOnce(workshop, batch);
  });

  it('lets another one go first where the answer to the first was lost', async () => {
    await using workshop = await openWorkshop();
    goneAt(workshop, OLD, 404);
    const batch = await workshop.enqueueRows(shots(6, OLD));
    await workshop.startWorker();
    await workshop.untilStatus(batch, ({ counts }) => counts.held === 6);
    workshop.fal.faults.clear();
    workshop.fal.faults.add({ on: 'submit', kind: 'accepted-then-reset', times: 1 });
    await resumeAll(workshop.operations);
    // The lost one is found in fal's list, since it was accepted.
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 6, failed: 0 } });
    await expectPaidOnce(workshop, batch);
    await expectLedgerIsBook(workshop);
  });

  it('is forgotten by a Redis that was emptied, and stopped again by the next submit', async () => {
    await using workshop = await openWorkshop();
    const gone = goneAt(workshop, OLD, 404);
    const batch = await workshop.enqueueRows(shots(3, OLD));
    await workshop.startWorker();
    await workshop.untilStatus(batch, ({ counts }) => counts.held === 3);
    const before = gone.posts();
    await workshop.shop.redis.del(`${workshop.redis.prefix}:endpoint-stops`);
    await workshop.sweep();
    await workshop.untilStatus(batch, ({ counts }) => counts.held === 3 && gone.posts() > before);
    expect((await workshop.shop.endpointStops.all()).size).toBe(1);
  });

  it('keeps what a cap holds held when its stop is lifted', async () => {
    await using workshop = await openWorkshop();
    const capped = await workshop.enqueueRows(shots(3, OLD, 'chair'), { batch: 'capped', cap: 10_000 });
    await workshop.startWorker();
    await workshop.untilStatus(capped, ({ state }) => state === 'held');
    goneAt(workshop, OLD, 404);
    const batch = await workshop.enqueueRows(shots(3, OLD));
    await workshop.untilStatus(batch, ({ counts }) => counts.held === 3);
    workshop.fal.faults.clear();
    await resumeAll(workshop.operations);
    await workshop.untilEnded(batch);
    expect(await workshop.status(capped)).toMatchObject({
      state: 'held',
      heldReason: expect.stringContaining('cap'),
    });
  });
});

describe('a model that bills in dollars', () => {
  it('is settled to the micro-dollar, and its size is a word in the ledger', async () => {
    await using workshop = await openWorkshop();
    const rows = [
      { id: 'mug', prompt: 'a red mug on oak', model: NEW, quality: 'low', image_size: '1536x1024' },
      { id: 'chair', prompt: 'a chair', model: NEW, variants: '10' },
      { id: 'knife', prompt: 'a knife', model: NEW, background: 'transparent' },
    ];
    const batch = await workshop.enqueueRows(rows);
    await workshop.startWorker();
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 3, failed: 0 } });
    await expectLedgerIsBook(workshop);
    const costs = workshop.fal.book
      .charged()
      .map(({ input, chargedMicroUsd }) => [input['prompt'], chargedMicroUsd]);
    // Pictures at the price list, 5 micro-dollars a token of text with each, up to $0.0001.
    expect(new Map(costs as [string, number][])).toEqual(
      new Map([
        ['a red mug on oak', 4_800],
        ['a chair', 131_800],
        ['a knife', 13_200],
      ]),
    );
    const entries = await ledgerOf(workshop);
    expect(entries.map(({ shot, imageSize, source }) => [shot, imageSize, source]).sort()).toEqual([
      ['chair', '1024x1024', 'billable-units'],
      ['knife', '1024x1024', 'billable-units'],
      ['mug', '1536x1024', 'billable-units'],
    ]);
  });
});

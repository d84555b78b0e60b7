import { describe, expect, it, jest } from '@jest/globals';
import { expectLedgerIsBook, expectPaidOnce, ledgerOf } from '../../support/accounts.ts';
import { openWorkshop, type Workshop } from '../../support/workshop.ts';

// Waits are for conditions; on a machine that is busy with other work they come to pass late.
jest.setTimeout(90_000);

const shots = (count: number, more: Readonly<Record<string, string>> = {}) =>
  Array.from({ length: count }, (_, at) => ({ id: `jar-${at}`, prompt: `a jar number ${at}`, ...more }));

describe('what a request cost', () => {
  /** The sources of all entries, by the time the batch has ended. */
  async function sourcesOf(workshop: Workshop, rows: readonly Readonly<Record<string, string>>[]) {
    const batch = await workshop.enqueueRows(rows);
    await workshop.startWorker();
    await workshop.untilEnded(batch);
    await expectLedgerIsBook(workshop);
    return new Set((await ledgerOf(workshop)).map(({ source }) => source));
  }

  it("is fal's own units at fal's own price", async () => {
    await using workshop = await openWorkshop();
    expect(await sourcesOf(workshop, shots(3))).toEqual(new Set(['billable-units']));
  });

  it('is the price rule where fal does not say its units', async () => {
    await using workshop = await openWorkshop();
    workshop.fal.faults.add({ on: 'run', kind: 'hide-units' });
    expect(await sourcesOf(workshop, shots(3, { variants: '3' }))).toEqual(new Set(['price-rule']));
  });

  it("is the price rule where fal's price list is away", async () => {
    await using workshop = await openWorkshop();
    workshop.fal.faults.add({ on: 'pricing', kind: 'status', status: 500 });
    expect(await sourcesOf(workshop, shots(3))).toEqual(new Set(['price-rule']));
  });

  it('is assumed at its dearest where neither the units are said nor the quality was', async () => {
    await using workshop = await openWorkshop();
    workshop.fal.faults.add({ on: 'run', kind: 'hide-units' });
    const batch = await workshop.enqueueRows(shots(1, { quality: 'auto' }));
    await workshop.startWorker();
    await workshop.untilEnded(batch);
    expect(await ledgerOf(workshop)).toMatchObject([{ source: 'assumed', costMicroUsd: 40_000 }]);
  });
});

describe('sync_mode', () => {
  it('delivers pictures that come inside the answer', async () => {
    await using workshop = await openWorkshop();
    const batch = await workshop.enqueueRows(shots(3, { sync_mode: 'true', variants: '2' }));
    await workshop.startWorker();
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 3, failed: 0 } });
    expect(workshop.fal.stats.calls('media')).toBe(0);
    await expectPaidOnce(workshop, batch);
    await expectLedgerIsBook(workshop);
  });

  it('leaves a lost answer unknown, its money reserved, since the history does not show such requests', async () => {
    await using workshop = await openWorkshop({
      settings: { FAL_START_TIMEOUT_S: '2', FAL_UNKNOWN_MARGIN_S: '0' },
      postWindowMs: 200,
    });
    workshop.fal.faults.add({ on: 'submit', kind: 'accepted-then-reset', times: 1 });
    const batch = await workshop.enqueueRows(shots(2, { sync_mode: 'true' }));
    await workshop.startWorker();
    const since = Date.now();
    // Long behind the time at which the absence of any other request would be proven.
    const status = await workshop.untilStatus(
      batch,
      ({ counts }) => counts.delivered === 1 && Date.now() - since > 3_000,
    );
    expect(status).toMatchObject({
      counts: { unknown: 1, failed: 0 },
      money: { reservedUsd: 0.02, spentUsd: 0.02 },
    });
    expect(workshop.fal.book.entries()).toHaveLength(2);
  });
});

describe('secrets', () => {
  it('stand in no record, job, key or object', async () => {
    await using workshop = await openWorkshop({ fal: { key: 'canary-fal-key' } });
    workshop.fal.faults.add({ on: 'run', kind: 'content_policy_violation', times: 1 });
    const batch = await workshop.enqueueRows(shots(3));
    await workshop.startWorker();
    await workshop.untilEnded(batch);
    const { client, prefix } = workshop.redis;
    for (const key of await client.keys(`${prefix}*`)) {
      const dump = await client.dumpBuffer(key);
      expect({ key, holds: dump?.includes('canary-fal-key') ?? false }).toEqual({ key, holds: false });
    }
    for await (const { key } of workshop.shop.store.list('')) {
      const body = (await workshop.shop.store.get(key))?.body;
      expect({ key, holds: body?.includes('canary-fal-key') ?? false }).toEqual({ key, holds: false });
    }
  });
});

import { describe, expect, it } from '@jest/globals';
import { costsCommand } from '../../../../src/cli/commands/costs.ts';
import { ledgerCommand } from '../../../../src/cli/commands/ledger.ts';
import { reconcileCommand } from '../../../../src/cli/commands/reconcile.ts';
import { unknownAdoptCommand } from '../../../../src/cli/commands/unknown.ts';
import { since } from '../../../../src/cli/options/since.ts';
import { dayOf } from '../../../../src/shared/base/time.ts';
import { type Adjustment, Corrections } from '../../../../src/shared/ledger/corrections.ts';
import { expectMoneyAtRest, ledgerOf } from '../../../support/accounts.ts';
import { completed, submit } from '../../../support/fal.ts';
import { anEntry } from '../../../support/filled-store.ts';
import { DAY_MS, NOTHING, opened, reconcile, TEE, TEE_INPUT } from '../../../support/reconciling.ts';
import type { Row, Workshop } from '../../../support/workshop.ts';
import { type WorkshopCli, workshopCli } from '../../../support/workshop-cli.ts';

async function delivered(workshop: Workshop, rows: readonly Row[]): Promise<string> {
  const batch = await workshop.enqueueRows(rows);
  await using _worker = await workshop.startWorker();
  await workshop.untilEnded(batch);
  return batch;
}

/** Accepted and run by fal without any request of ours. */
async function elsewhere({ fal }: Workshop, input: object): Promise<string> {
  const requestId = await submit(fal, input);
  await completed(fal, requestId);
  return requestId;
}

async function ledgerLines(cli: WorkshopCli) {
  const { out } = await cli.run((context) => ledgerCommand(context, { format: 'jsonl', json: true }));
  return JSON.parse(out);
}

async function spentToday({ shop }: Workshop): Promise<number> {
  return (await shop.batches.money(`day:${dayOf(Date.now())}`)).spent;
}

/** The first correction of the only entry of the ledger. */
async function adjustmentOf(workshop: Workshop, costMicroUsd: number): Promise<Adjustment> {
  const [entry] = await ledgerOf(workshop);
  if (entry === undefined) throw new Error('the ledger is empty');
  const day = dayOf(Date.parse(entry.ts));
  const { costMicroUsd: booked } = entry;
  return {
    ...{ ...entry, costMicroUsd, source: 'billing-event' as const },
    ...{ day, bookedDay: day, sequence: 1, fromMicroUsd: booked, baseMicroUsd: booked },
  };
}

describe('reconcile', () => {
  it('has nothing to tell where the ledger is the bill', async () => {
    await using one = await opened();
    const { workshop, cli } = one;
    await delivered(
      workshop,
      Array.from({ length: 12 }, (_, at) => ({ id: `s-${at}`, prompt: `cup ${at}` })),
    );
    const found = await reconcile(cli);
    expect(found).toMatchObject({ ...NOTHING, entries: 12, events: 12 });
    expect(Object.keys(found)).toEqual([
      'since',
      'until',
      'entries',
      'events',
      'corrected',
      'missing',
      'orphans',
      'attached',
      'driftUsd',
    ]);
  });

  it('corrects what fal charged with a discount: ledger, costs and counters, once', async () => {
    await using one = await opened({ percentDiscount: 10 });
    const { workshop, cli } = one;
    const batch = await delivered(workshop, [TEE, { id: 'mug', prompt: 'a mug' }]);
    const found = await reconcile(cli);
    expect(found.corrected).toHaveLength(2);
    expect(found.corrected[0]).toMatchObject({ fromUsd: 0.02, toUsd: 0.018 });
    expect(found.driftUsd).toBe(-0.004);
    for (const line of await ledgerLines(cli))
      expect(line).toMatchObject({ costUsd: 0.018, source: 'billing-event', batch });
    const costs = await cli.run((context) => costsCommand(context, { by: 'batch', batch, json: true }));
    expect(JSON.parse(costs.out)).toMatchObject({ totalUsd: 0.036, requests: 2 });
    expect((await workshop.shop.batches.read(batch))?.spent).toBe(36_000);
    expect(await spentToday(workshop)).toBe(36_000);

    expect(await reconcile(cli)).toMatchObject({ ...NOTHING, entries: 2, events: 2 });
    expect(await spentToday(workshop)).toBe(36_000);
  });

  it('makes up for a run that died between the correction and the counters, and for counters that Redis lost', async () => {
    await using one = await opened({ percentDiscount: 10 });
    const { workshop, cli } = one;
    await delivered(workshop, [TEE]);
    const written = await adjustmentOf(workshop, 18_000);
    const { day } = written;
    await new Corrections({ store: workshop.shop.store }).writeAdjustment(written);
    expect(await spentToday(workshop)).toBe(20_000);
    expect(await reconcile(cli)).toMatchObject(NOTHING);
    expect(await spentToday(workshop)).toBe(18_000);

    // As a rebuild leaves it: what was booked, and no word of corrections.
    const { client, prefix } = workshop.redis;
    await client.del(`${prefix}:money:day:${day}`);
    await client.hset(`${prefix}:money:day:${day}`, 's', 20_000);
    await reconcile(cli);
    expect(await spentToday(workshop)).toBe(18_000);
  });

  it('tells of an orphan once and counts it for the day, and as a line of the ledger', async () => {
    await using one = await opened();
    const { workshop, cli } = one;
    await delivered(workshop, [TEE]);
    const requestId = await elsewhere(workshop, { ...TEE_INPUT, prompt: 'somebody else' });
    const found = await reconcile(cli);
    expect(found).toMatchObject({ ...NOTHING, orphans: [{ requestId, costUsd: 0.02 }], driftUsd: 0.02 });
    expect(await spentToday(workshop)).toBe(40_000);
    const lines = await ledgerLines(cli);
    expect(
      lines.map((line: { batch: string; requestId: string }) => [line.batch, line.requestId]),
    ).toContainEqual(['', requestId]);
    const costs = await cli.run((context) => costsCommand(context, { by: 'batch', json: true }));
    expect(JSON.parse(costs.out)).toMatchObject({
      totalUsd: 0.04,
      rows: expect.arrayContaining([expect.objectContaining({ key: '(orphans)', usd: 0.02 })]),
    });
    expect(await reconcile(cli)).toMatchObject(NOTHING);
    expect(await spentToday(workshop)).toBe(40_000);
  });

  it('gives a charge to the request whose answer was lost', async () => {
    await using one = await opened({ listLagMs: 100 });
    const { workshop, cli } = one;
    workshop.fal.faults.add({ on: 'submit', kind: 'accepted-then-reset', times: 1 });
    workshop.fal.faults.add({ on: 'list', kind: 'status', status: 500, times: 1 });
    const batch = await workshop.enqueueRows([TEE]);
    {
      await using _worker = await workshop.startWorker();
      await workshop.untilStatus(batch, ({ counts }) => counts.unknown === 1);
    }
    const [charged] = workshop.fal.book.entries();
    const requestId = charged?.requestId ?? '';
    await completed(workshop.fal, requestId);
    // The list lags, and may be taken away once more: then nothing is decided.
    let found = await cli
      .run((context) => reconcileCommand(context, { since: since('24h'), json: true }))
      .then(
        ({ out }) => JSON.parse(out),
        () => undefined,
      );
    for (let at = 0; at < 100 && found?.attached.length !== 1; at += 1) found = await reconcile(cli);
    expect(found).toMatchObject({ ...NOTHING, attached: [{ requestId, shot: 'tee' }], driftUsd: 0.02 });
    expect(await reconcile(cli)).toMatchObject(NOTHING);
    await workshop.startWorker();
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 1 } });
    expect(workshop.fal.book.entries()).toHaveLength(1);
    await expectMoneyAtRest(workshop, batch);
  });

  it('gives a charge to a request that is planned, or held by a cap, instead of paying again', async () => {
    await using one = await opened();
    const { workshop, cli } = one;
    const planned = await workshop.enqueueRows([TEE]);
    const requestId = await elsewhere(workshop, TEE_INPUT);
    expect(await reconcile(cli)).toMatchObject({
      ...NOTHING,
      attached: [{ requestId, shot: 'tee' }],
      driftUsd: 0.02,
    });

    const held = await workshop.enqueueRows([{ id: 'hat', prompt: 'a hat' }], { cap: 10_000 });
    await using _worker = await workshop.startWorker();
    await workshop.untilStatus(held, ({ state }) => state === 'held');
    const other = await elsewhere(workshop, { ...TEE_INPUT, prompt: 'a hat' });
    expect((await reconcile(cli)).attached).toEqual([{ requestId: other, shot: 'hat' }]);

    for (const batch of [planned, held])
      expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 1 } });
    expect(workshop.fal.book.entries()).toHaveLength(2);
    await expectMoneyAtRest(workshop, planned, held);
    expect(await reconcile(cli)).toMatchObject(NOTHING);
    const ledger = (await ledgerLines(cli)).map((line: { shot: string; costUsd: number }) => [
      line.shot,
      line.costUsd,
    ]);
    expect(ledger).toEqual(
      expect.arrayContaining([
        ['tee', 0.02],
        ['hat', 0.02],
      ]),
    );
  });

  it('takes an orphan back that a person then gives to an unknown request', async () => {
    await using one = await opened();
    const { workshop, cli } = one;
    workshop.fal.faults.add({ on: 'submit', kind: 'accepted-then-reset', times: 1 });
    const batch = await workshop.enqueueRows([{ ...TEE, sync_mode: 'true' }]);
    {
      await using _worker = await workshop.startWorker();
      await workshop.untilStatus(batch, ({ counts }) => counts.unknown === 1);
    }
    const requestId = workshop.fal.book.entries()[0]?.requestId ?? '';
    await completed(workshop.fal, requestId);
    // Nothing else is open, and the list leaves it out: while it is young it may yet be found.
    expect(await reconcile(cli)).toMatchObject(NOTHING);
    const patient = await workshopCli(workshop, { FAL_UNKNOWN_MARGIN_S: '0' });
    await using _patient = patient;
    expect((await reconcile(patient)).orphans).toEqual([{ requestId, costUsd: 0.02 }]);
    expect(await spentToday(workshop)).toBe(20_000);
    await cli.run((context) => unknownAdoptCommand(context, `${batch}.0.0`, requestId, {}));
    {
      await using _worker = await workshop.startWorker();
      await workshop.untilEnded(batch);
    }
    await reconcile(cli);
    expect(await spentToday(workshop)).toBe(20_000);
    expect(await ledgerLines(cli)).toHaveLength(1);
    await expectMoneyAtRest(workshop, batch);
  });

  it('corrects a correction, and the last one counts', async () => {
    await using one = await opened({ percentDiscount: 10 });
    const { workshop, cli } = one;
    const batch = await delivered(workshop, [TEE]);
    const corrections = new Corrections({ store: workshop.shop.store });
    const first = await adjustmentOf(workshop, 15_000);
    await corrections.writeAdjustment(first);
    expect((await reconcile(cli)).corrected).toEqual([
      { requestId: first.requestId, fromUsd: 0.015, toUsd: 0.018 },
    ]);
    const sequences: number[] = [];
    for await (const { sequence } of corrections.adjustments()) sequences.push(sequence);
    expect(sequences).toEqual([1, 2]);
    expect(await ledgerLines(cli)).toMatchObject([{ costUsd: 0.018 }]);
    expect((await workshop.shop.batches.read(batch))?.spent).toBe(18_000);
    expect(await reconcile(cli)).toMatchObject(NOTHING);
  });

  it('books what fal charged above the reservation, and stops all submits', async () => {
    await using one = await opened({ priceRise: 2 });
    const { workshop, cli } = one;
    // Without fal's units the price rule counts, which does not know of the rise.
    workshop.fal.faults.add({ on: 'run', kind: 'hide-units' });
    await delivered(workshop, [TEE]);
    expect((await reconcile(cli)).corrected).toMatchObject([{ fromUsd: 0.02, toUsd: 0.04 }]);
    expect(await workshop.shop.batches.stopped()).toMatchObject({ code: 'price_changed' });
    expect(await spentToday(workshop)).toBe(40_000);
  });

  it('calls an entry missing that is older than a day, and not a young one whose event may lag', async () => {
    await using one = await opened();
    const { workshop, cli } = one;
    const write = (requestId: string, ageMs: number) => {
      const at = Date.now() - ageMs;
      const entry = anEntry({ requestId, ts: new Date(at).toISOString() });
      return workshop.shop.journal.writeLedger(entry, dayOf(at));
    };
    await write('old', 3 * DAY_MS);
    await write('young', 3_600_000);
    const { out } = await cli.run((context) => reconcileCommand(context, { since: since('7d'), json: true }));
    expect(JSON.parse(out)).toMatchObject({
      ...NOTHING,
      entries: 2,
      missing: [{ requestId: 'old' }],
      driftUsd: -0.02,
    });
    const told = await cli.run((context) => reconcileCommand(context, { since: since('7d') }));
    expect(told.out).toMatch(/missing\s+old\s+\$0\.02/);
  });

  it('books a run of ours that was taken for unbilled', async () => {
    await using one = await opened();
    const { workshop, cli } = one;
    const batch = await workshop.enqueueRows([{ ...TEE, prompt: 'another tee' }]);
    const requestId = await elsewhere(workshop, TEE_INPUT);
    // As a run leaves it that failed: the id stays taken, and the request is planned again in a later round.
    await workshop.shop.journal.takeId({ batch, row: 0, part: 0, round: 0, requestId, at: Date.now() });
    const found = await reconcile(cli);
    expect(found).toMatchObject({
      ...NOTHING,
      corrected: [{ requestId, fromUsd: 0, toUsd: 0.02 }],
      driftUsd: 0.02,
    });
    expect(await ledgerLines(cli)).toMatchObject([
      { batch, shot: 'tee', costUsd: 0.02, source: 'billing-event' },
    ]);
    expect((await workshop.shop.batches.read(batch))?.spent).toBe(20_000);
    expect(await reconcile(cli)).toMatchObject(NOTHING);
  });

  it('that dies on the way of a charge to a planned request leaves it to the search for lost answers', async () => {
    await using one = await opened();
    const { workshop } = one;
    const batch = await workshop.enqueueRows([TEE]);
    const requestId = await elsewhere(workshop, TEE_INPUT);
    const { acceptedAtMs } = workshop.fal.book.entries()[0] ?? { acceptedAtMs: 0 };
    await workshop.shop.journal.writeIntent({
      ...{ batch, row: 0, part: 0, round: 0, nonce: 'reconcile', at: acceptedAtMs },
      ...{ reserved: 20_000, day: dayOf(Date.now()), indices: [0] },
    });
    await workshop.startWorker();
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 1 } });
    expect(workshop.fal.book.entries().map((entry) => entry.requestId)).toEqual([requestId]);
    await expectMoneyAtRest(workshop, batch);
  });

  it('leaves requests under way to themselves', async () => {
    await using one = await opened();
    const { workshop, cli } = one;
    workshop.fal.faults.add({ on: 'result', kind: 'status', status: 500 });
    const batch = await workshop.enqueueRows([TEE]);
    {
      await using _worker = await workshop.startWorker({ roles: ['generate'] });
      await workshop.untilStatus(batch, ({ counts }) => counts.submitted === 1);
      await completed(workshop.fal, workshop.fal.book.entries()[0]?.requestId ?? '');
    }
    expect(await reconcile(cli)).toMatchObject({ ...NOTHING, entries: 0, events: 1 });
  });

  it('leaves charges of other endpoints out, with a word', async () => {
    await using one = await opened({ endpoints: { 'other/model': { microUsdPerImage: 10_000 } } });
    const { workshop, cli } = one;
    const requestId = await submit(workshop.fal, { prompt: 'a tee' }, {}, 'other/model');
    await completed(workshop.fal, requestId);
    const { out, err } = await cli.run((context) =>
      reconcileCommand(context, { since: since('24h'), json: true }),
    );
    expect(JSON.parse(out)).toMatchObject({ ...NOTHING, events: 0 });
    expect(err).toContain('1 charge of endpoints that no model here uses');
  });

  it('refuses a Redis that forgot what is under way, before it calls anything an orphan', async () => {
    await using one = await opened();
    const { workshop, cli } = one;
    await workshop.enqueueRows([TEE]);
    await reconcile(cli);
    const { client, prefix } = workshop.redis;
    const keys = await client.keys(`${prefix}*`);
    await client.del(keys);
    await elsewhere(workshop, TEE_INPUT);
    await expect(reconcile(cli)).rejects.toThrow('shotlist rebuild');
    expect(await ledgerLines(cli)).toEqual([]);
  });

  it('asks for an admin key in one sentence, and says when the bill cannot be read', async () => {
    await using one = await opened();
    const { workshop, cli } = one;
    await using keyless = await workshopCli(workshop, { FAL_ADMIN_KEY: '' });
    await expect(reconcile(keyless)).rejects.toThrow('Set FAL_ADMIN_KEY');
    await using ordinary = await workshopCli(workshop, { FAL_ADMIN_KEY: workshop.fal.key });
    await expect(reconcile(ordinary)).rejects.toThrow('admin scope');
    workshop.fal.faults.add({ on: 'billing', kind: 'status', status: 500, times: 1 });
    await expect(reconcile(cli)).rejects.toThrow('nothing was changed');
  });
});

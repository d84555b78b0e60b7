import { describe, expect, it, jest } from '@jest/globals';
import { approveCommand } from '../../../../src/cli/commands/approve.ts';
import { cancelCommand } from '../../../../src/cli/commands/cancel.ts';
import { resumeCommand } from '../../../../src/cli/commands/resume.ts';
import { statusCommand } from '../../../../src/cli/commands/status.ts';
import { pauseBatch } from '../../../../src/operations/batches.ts';
import { expectLedgerIsBook, expectMoneyAtRest, expectPaidOnce } from '../../../support/accounts.ts';
import { flush, rebuild } from '../../../support/lost-redis.ts';
import { openWorkshop, type Workshop } from '../../../support/workshop.ts';
import { workshopCli } from '../../../support/workshop-cli.ts';

// Waits are for conditions; on a machine that is busy with other work they come to pass late.
jest.setTimeout(90_000);

const QUALITIES = ['low', 'medium', 'high'] as const;
const shots = (count: number) =>
  Array.from({ length: count }, (_, at) => ({
    id: `vase-${at}`,
    prompt: `a vase number ${at}`,
    quality: QUALITIES[at % QUALITIES.length] ?? 'low',
  }));

const WAITS = 'wait for your word';

async function sampleDone(workshop: Workshop, batch: string, sample: number, waiting: number) {
  const status = await workshop.untilStatus(batch, ({ state }) => state === 'held');
  expect(status).toMatchObject({
    counts: { delivered: sample, held: waiting, planned: 0 },
    heldReason: expect.stringContaining(WAITS),
  });
  return status;
}

async function expectAllMadeOnce(workshop: Workshop, batch: string, count: number) {
  expect(await workshop.untilEnded(batch)).toMatchObject({
    state: 'done',
    counts: { delivered: count, held: 0, failed: 0 },
  });
  await expectPaidOnce(workshop, batch);
  await expectLedgerIsBook(workshop);
  await expectMoneyAtRest(workshop, batch);
}

describe('a proof', () => {
  it('makes exactly its rows, spread over the options, and pays for nothing else', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const batch = await workshop.enqueueRows(shots(20), { proof: 6 });
    expect(await workshop.status(batch)).toMatchObject({
      state: 'running',
      counts: { planned: 6, held: 14 },
    });
    await workshop.startWorker();
    await sampleDone(workshop, batch, 6, 14);

    const qualities = workshop.fal.book.charged().map(({ input }) => String(input['quality']));
    expect(qualities.sort()).toEqual(['high', 'high', 'low', 'low', 'medium', 'medium']);
    expect(await workshop.sweep()).toBe(0);
    const watched = await cli.run((context) => statusCommand(context, batch, { watch: true }));
    expect(watched.result).toBe(3);
    expect(watched.err).toContain(`shotlist approve ${batch}`);
    expect(workshop.fal.book.charged()).toHaveLength(6);
  });

  it('once approved is followed by the rest, each paid once, and approving again changes nothing', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const batch = await workshop.enqueueRows(shots(12), { proof: 3 });
    await workshop.startWorker();
    await sampleDone(workshop, batch, 3, 9);
    const { err, result } = await cli.run((context) => approveCommand(context, batch, {}));
    expect(result).toBe(0);
    expect(err).toContain(`${batch} is approved: 9 requests wait no longer.`);
    expect(err).toMatch(
      /By what 3 requests cost \(100 % of their estimate\), the rest will cost about \$0\.\d\d/,
    );
    const again = await cli.run((context) => approveCommand(context, batch, {}));
    expect(again.err).toContain('was approved before');
    await expectAllMadeOnce(workshop, batch, 12);

    const late = await cli.run((context) => approveCommand(context, batch, { json: true }));
    expect(late.err).toContain('is done and has nothing left to do');
    expect(JSON.parse(late.out)).toMatchObject({ state: 'done' });
    expect(await workshop.shop.journal.events(batch)).toMatchObject([{ kind: 'approve' }]);
  });

  it('may be approved while it still runs', async () => {
    await using workshop = await openWorkshop({ fal: { latencyMs: 500 } });
    await using cli = await workshopCli(workshop);
    const batch = await workshop.enqueueRows(shots(10), { proof: 4 });
    await workshop.startWorker();
    await workshop.untilStatus(batch, ({ counts }) => counts.submitted > 0);
    await cli.run((context) => approveCommand(context, batch, {}));
    await expectAllMadeOnce(workshop, batch, 10);
  });

  it('that is dropped costs what its rows cost', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const batch = await workshop.enqueueRows(shots(12), { proof: 3 });
    await workshop.startWorker();
    await sampleDone(workshop, batch, 3, 9);
    const { err } = await cli.run((context) => cancelCommand(context, batch, {}));
    expect(err).toContain('9 waiting requests dropped');
    expect(await workshop.status(batch)).toMatchObject({
      state: 'cancelled',
      counts: { delivered: 3, cancelled: 9 },
    });
    await expect(cli.run((context) => approveCommand(context, batch, {}))).resolves.toMatchObject({
      err: expect.stringContaining('is cancelled and has nothing left to do'),
    });
    expect(workshop.fal.book.charged()).toHaveLength(3);
  });

  it('is not let go by resume, with a new cap or without; a cap holds what was approved as ever', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const rows = shots(12).map((row) => ({ ...row, quality: 'medium' }));
    const batch = await workshop.enqueueRows(rows, { proof: 3, cap: 40_000 });
    await workshop.startWorker();
    const full = await workshop.untilStatus(batch, ({ counts }) => counts.delivered === 2);
    expect(full).toMatchObject({ state: 'held', counts: { held: 10 } });
    expect(full.heldReason).toContain('the batch cap');
    await cli.run((context) => resumeCommand(context, batch, { cap: 60_000 }));
    await sampleDone(workshop, batch, 3, 9);
    await cli.run((context) => resumeCommand(context, batch, {}));
    await sampleDone(workshop, batch, 3, 9);
    expect(workshop.fal.book.charged()).toHaveLength(3);

    await cli.run((context) => approveCommand(context, batch, {}));
    const held = await workshop.untilStatus(batch, ({ state }) => state === 'held');
    expect(held.heldReason).toContain('the batch cap');
    expect(workshop.fal.book.charged()).toHaveLength(3);
    await cli.run((context) => resumeCommand(context, batch, { cap: 1_000_000 }));
    await expectAllMadeOnce(workshop, batch, 12);
  });

  it('of a paused batch is approved, and the batch stays paused until it is resumed', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const batch = await workshop.enqueueRows(shots(6), { proof: 2 });
    await pauseBatch(batch, workshop.operations);
    await workshop.startWorker();
    const { err } = await cli.run((context) => approveCommand(context, batch, {}));
    expect(err).toContain(`note: ${batch} is paused`);
    expect(await workshop.sweep()).toBe(0);
    expect(await workshop.status(batch)).toMatchObject({ state: 'paused', counts: { planned: 6, held: 0 } });
    expect(workshop.fal.book.charged()).toHaveLength(0);
    await cli.run((context) => resumeCommand(context, batch, {}));
    await expectAllMadeOnce(workshop, batch, 6);
  });

  it('that was approved by a command which then died is mended by the next sweep, and by approving again', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const swept = await workshop.enqueueRows(shots(5), { proof: 1, batch: 'swept' });
    await workshop.shop.batches.approve(swept);
    const read = () => workshop.shop.batches.read(swept);
    expect(await read()).toMatchObject({ counts: { planned: 1, held: 4 } });
    expect(await workshop.sweep()).toBe(4);
    expect(await read()).toMatchObject({ counts: { planned: 5, held: 0 } });

    const told = await workshop.enqueueRows(shots(5), { proof: 1, batch: 'told' });
    await workshop.shop.journal.writeEvent(told, { kind: 'approve', at: 1 }, 'a');
    expect(await workshop.sweep()).toBe(0);
    const { err } = await cli.run((context) => approveCommand(context, told, {}));
    expect(err).toContain('4 requests wait no longer');
  });

  it('holds nothing of a list that has no more rows to pay for, nor of pictures that exist', async () => {
    await using workshop = await openWorkshop();
    const first = await workshop.enqueueRows(shots(3), { proof: 3, batch: 'first' });
    expect(await workshop.status(first)).toMatchObject({ counts: { planned: 3, held: 0 } });
    await workshop.startWorker();
    await workshop.untilEnded(first);
    // The first three exist; of the other four one is made.
    const second = await workshop.enqueueRows(shots(7), { proof: 1, batch: 'second' });
    await sampleDone(workshop, second, 4, 3);
    expect(workshop.fal.book.charged()).toHaveLength(4);
  });

  it('stands as it was queued first, whatever the same list is queued with later', async () => {
    await using workshop = await openWorkshop();
    const batch = await workshop.enqueueRows(shots(8), { proof: 2 });
    expect(await workshop.enqueueRows(shots(8))).toBe(batch);
    expect(await workshop.enqueueRows(shots(8), { proof: 5 })).toBe(batch);
    expect(await workshop.status(batch)).toMatchObject({ counts: { planned: 2, held: 6 } });
  });
});

describe('a proof when Redis is lost', () => {
  it('is held again after a rebuild, and approved after it', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const batch = await workshop.enqueueRows(shots(12), { proof: 3 });
    await workshop.startWorker();
    await sampleDone(workshop, batch, 3, 9);
    await flush(workshop.redis);
    expect((await rebuild(workshop)).counts).toMatchObject({ delivered: 3, held: 9 });
    await sampleDone(workshop, batch, 3, 9);
    await cli.run((context) => resumeCommand(context, batch, {}));
    expect(await workshop.sweep()).toBe(0);
    expect(workshop.fal.book.charged()).toHaveLength(3);
    const { err } = await cli.run((context) => approveCommand(context, batch, {}));
    expect(err).toMatch(/By what 3 requests cost \(100 % of their estimate\)/);
    await expectAllMadeOnce(workshop, batch, 12);
  });

  it('stays approved after a rebuild', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const batch = await workshop.enqueueRows(shots(8), { proof: 2 });
    await cli.run((context) => approveCommand(context, batch, {}));
    await flush(workshop.redis);
    expect((await rebuild(workshop)).counts).toEqual({ planned: 8 });
    await workshop.startWorker();
    await expectAllMadeOnce(workshop, batch, 8);
  });
});

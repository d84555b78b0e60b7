import { describe, expect, it, jest } from '@jest/globals';
import { cancelCommand } from '../../../src/cli/commands/cancel.ts';
import { resumeCommand } from '../../../src/cli/commands/resume.ts';
import { statusCommand } from '../../../src/cli/commands/status.ts';
import type { Fault } from '../../../src/local/fal/faults.ts';
import { expectLedgerIsBook, expectMoneyAtRest, failuresOf } from '../../support/accounts.ts';
import { openDesk } from '../../support/desk.ts';
import { submit } from '../../support/fal.ts';
import { openWorkshop, type Workshop } from '../../support/workshop.ts';
import { workshopCli } from '../../support/workshop-cli.ts';

// Waits are for conditions; on a machine that is busy with other work they come to pass late.
jest.setTimeout(90_000);

const shots = (count: number) =>
  Array.from({ length: count }, (_, at) => ({ id: `lamp-${at}`, prompt: `a lamp number ${at}` }));

const untilAtRest = (workshop: Workshop, batch: string) =>
  workshop.untilStatus(
    batch,
    ({ counts: { delivered, failed, cancelled }, counts }) =>
      delivered + failed + cancelled === Object.values(counts).reduce((sum, one) => sum + one, 0),
  );

/** One request runs at fal and the others wait in its queue; what is left of the list waits here. */
async function oneRunning(workshop: Workshop, count: number) {
  const batch = await workshop.enqueueRows(shots(count));
  await workshop.startWorker();
  await workshop.untilStatus(batch, ({ counts }) => counts.submitted === 3);
  return batch;
}

/** Shorter than the start timeout of those that wait behind it. */
const LONG_RUN_MS = 300_000;

/** The run in fal's one slot lasts until it is let go: no time is long enough to act within it on a busy machine. */
function oneSlot() {
  let aheadMs = 0;
  let latencyMs = LONG_RUN_MS;
  return {
    options: {
      fal: { slots: 1, latencyMs: () => latencyMs, clock: () => Date.now() + aheadMs },
      settings: { FAL_CONCURRENCY: '3' },
    },
    letGo() {
      latencyMs = 30;
      aheadMs = LONG_RUN_MS;
    },
  };
}

describe('cancel', () => {
  it('ends a batch of which nothing was sent, at once and without a worker, and is safe to repeat', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const batch = await workshop.enqueueRows(shots(30));
    const { err, result } = await cli.run((context) => cancelCommand(context, batch, {}));
    expect(result).toBe(0);
    expect(err).toContain('30 waiting requests dropped');
    expect(await workshop.status(batch)).toMatchObject({
      state: 'cancelled',
      counts: { planned: 0, cancelled: 30 },
      money: { spentUsd: 0, reservedUsd: 0 },
    });
    expect(await workshop.shop.queues.queue('generate').getJobCounts()).toMatchObject({
      waiting: 0,
      prioritized: 0,
    });
    expect(await workshop.shop.journal.readSummary(batch)).toMatchObject({ state: 'cancelled' });

    const again = await cli.run((context) => cancelCommand(context, batch, {}));
    expect(again).toMatchObject({ result: 0, err: `${batch} is cancelled and has nothing left to do.\n` });
    const watched = await cli.run((context) => statusCommand(context, batch, { watch: true }));
    expect(watched.result).toBe(0);
    const resumed = await cli.run((context) => resumeCommand(context, batch, {}));
    expect(resumed.err).toContain('is cancelled and has nothing left to do');
    expect(await workshop.shop.journal.events(batch)).toMatchObject([{ kind: 'cancel' }]);
  });

  it("drops what waits, takes back what waits in fal's queue, and keeps what runs there", async () => {
    const slot = oneSlot();
    await using workshop = await openWorkshop(slot.options);
    await using cli = await workshopCli(workshop);
    const batch = await oneRunning(workshop, 10);
    const { err } = await cli.run((context) => cancelCommand(context, batch, {}));
    slot.letGo();
    expect(err).toContain("7 waiting requests dropped and 2 requests taken out of fal's queue");
    expect(await untilAtRest(workshop, batch)).toMatchObject({
      state: 'cancelled',
      counts: { delivered: 1, failed: 0, cancelled: 9 },
    });
    expect(workshop.fal.book.charged()).toHaveLength(1);
    await expectLedgerIsBook(workshop);
    await expectMoneyAtRest(workshop, batch);
  });

  it('keeps what cannot be taken back, whatever fal answers', async () => {
    const faults = [
      { on: 'cancel', kind: 'status', status: 202, body: {} },
      { on: 'cancel', kind: 'status', status: 400, body: {} },
      { on: 'cancel', kind: 'unauthorized' },
      { on: 'cancel', kind: 'reset' },
    ] as const satisfies readonly Fault[];
    await Promise.all(
      faults.map(async (fault) => {
        const slot = oneSlot();
        await using workshop = await openWorkshop(slot.options);
        await using cli = await workshopCli(workshop);
        workshop.fal.faults.add(fault);
        const batch = await oneRunning(workshop, 5);
        await cli.run((context) => cancelCommand(context, batch, {}));
        slot.letGo();
        expect(await untilAtRest(workshop, batch)).toMatchObject({ counts: { delivered: 3, cancelled: 2 } });
        await expectLedgerIsBook(workshop);
        await expectMoneyAtRest(workshop, batch);
      }),
    );
  });

  it('takes a request that somebody else cancelled at fal for one that may be charged', async () => {
    const slot = oneSlot();
    await using workshop = await openWorkshop(slot.options);
    const batch = await oneRunning(workshop, 3);
    const waiting = workshop.fal.book.entries().map(({ requestId }) => requestId);
    const put = async (id: string) =>
      await fetch(`${workshop.fal.queueUrl}/fal-ai/gpt-image-1-mini/requests/${id}/cancel`, {
        method: 'PUT',
        headers: { authorization: `Key ${workshop.fal.key}` },
      });
    const answers = await Promise.all(waiting.map(async (id) => (await put(id)).status));
    expect(answers.filter((status) => status === 200)).toHaveLength(2);
    slot.letGo();
    const { counts, money } = await workshop.untilEnded(batch);
    expect(counts).toMatchObject({ failed: 2, cancelled: 0 });
    expect(money.spentUsd).toBe(0.06);
    const codes = Object.values(await failuresOf(workshop, batch)).map(({ code }) => code);
    expect(codes).toEqual(['client_cancelled', 'client_cancelled']);
  });

  it('cancels a lost submit that is proven never to have arrived, and keeps one that is found', async () => {
    await using workshop = await openWorkshop({
      settings: { FAL_START_TIMEOUT_S: '2', FAL_UNKNOWN_MARGIN_S: '1' },
      postWindowMs: 500,
    });
    await using cli = await workshopCli(workshop);
    // What fal answered shows whose list it is, and that it tells inputs apart.
    const first = await workshop.enqueueRows([{ id: 'first', prompt: 'a picture that fal answers' }]);
    {
      await using _worker = await workshop.startWorker();
      await workshop.untilEnded(first);
    }
    workshop.fal.faults.add({ on: 'submit', kind: 'reset', times: 1 });
    workshop.fal.faults.add({ on: 'submit', kind: 'accepted-then-reset', times: 1 });
    workshop.fal.faults.add({ on: 'list', kind: 'status', status: 500 });
    const batch = await workshop.enqueueRows(shots(2));
    await workshop.startWorker();
    await workshop.untilStatus(batch, ({ counts }) => counts.unknown === 2);
    await cli.run((context) => cancelCommand(context, batch, {}));
    // No job of a stopped queue is needed for it.
    await workshop.shop.queues.pauseGenerate();
    expect(await workshop.status(batch)).toMatchObject({
      counts: { unknown: 2 },
      money: { reservedUsd: 0.04 },
    });
    workshop.fal.faults.clear();
    // Of somebody with the same key, and refused at no cost: fal's list shows that it is up to date.
    const others = setInterval(() => void submit(workshop.fal, { prompt: 'a bloody knife' }), 500);
    try {
      expect(await untilAtRest(workshop, batch)).toMatchObject({ counts: { delivered: 1, cancelled: 1 } });
    } finally {
      clearInterval(others);
    }
    await expectLedgerIsBook(workshop);
    await expectMoneyAtRest(workshop, first, batch);
  });

  it('is watched until all that was dropped is struck off, and the batch has its end', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const batch = await workshop.enqueueRows(shots(30));
    // As of a large batch, most of which the command leaves to the workers.
    await workshop.shop.batches.setWord(batch, 'cancelled');
    const watched = cli.run((context) => statusCommand(context, batch, { watch: true }));
    await workshop.startWorker();
    expect((await watched).result).toBe(0);
    expect(await workshop.shop.batches.read(batch)).toMatchObject({
      doneAtMs: expect.any(Number),
      counts: { planned: 0, cancelled: 30 },
    });
  });

  it('refuses a batch that is not there with its nearest name', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    await workshop.enqueueRows(shots(1), { batch: 'spring' });
    await expect(cli.run((context) => cancelCommand(context, 'sprong', {}))).rejects.toThrow(
      'did you mean spring?',
    );
  });
});

describe('cancelling what waits', () => {
  it('leaves a batch alone whose word is another, and all that was submitted', async () => {
    await using desk = await openDesk();
    const [held = '', submitted = '', unknown = ''] = await desk.open('spring', 600);
    await desk.bring(held, 'held');
    await desk.bring(submitted, 'submitted');
    await desk.bring(unknown, 'unknown');
    const cancelled = async () => {
      const found: string[] = [];
      for await (const chunk of desk.records.cancelWaiting('spring')) {
        found.push(...chunk.cancelled.map(({ request }) => request));
      }
      return found;
    };
    expect(await cancelled()).toEqual([]);
    await desk.batches.setWord('spring', 'cancelled');
    expect(await cancelled()).toHaveLength(598);
    expect(await cancelled()).toEqual([]);
    expect((await desk.batches.read('spring'))?.counts).toMatchObject({
      cancelled: 598,
      submitted: 1,
      unknown: 1,
      planned: 0,
      held: 0,
    });
    // What comes back says that it is over.
    expect(await desk.step('absent', unknown)).toMatchObject({ code: 'ok', over: true });
    expect(await cancelled()).toEqual([unknown]);
  });

  it("believes fal's word that a request is out of its queue, until it is booked, and no later one", async () => {
    await using desk = await openDesk();
    const [request = ''] = await desk.open('spring', 1);
    const id = `id-of-${request}`;
    const note = (to: Parameters<typeof desk.records.noteWithdrawal>[2], of = id) =>
      desk.records.noteWithdrawal(request, of, to);
    expect(await note({ kind: 'asked', atMs: 7 })).toBe(false);
    await desk.bring(request, 'submitted');
    expect(await note({ kind: 'asked', atMs: 7 }, 'another')).toBe(false);
    expect(await note({ kind: 'asked', atMs: 7 })).toBe(true);
    expect((await desk.records.read(request))?.withdrawal).toEqual({ kind: 'asked', atMs: 7 });
    expect(await note({ kind: 'queued' })).toBe(true);
    expect(await note(undefined)).toBe(false);
    expect((await desk.records.read(request))?.withdrawal).toEqual({ kind: 'queued' });
    expect(await desk.step('withdraw', request)).toMatchObject({ code: 'ok' });
    expect(await desk.batches.read('spring')).toMatchObject({ reserved: 0, counts: { cancelled: 1 } });
  });
});

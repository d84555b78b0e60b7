import { describe, expect, it, jest } from '@jest/globals';
import { retryCommand } from '../../../src/cli/commands/retry.ts';
import { statusCommand } from '../../../src/cli/commands/status.ts';
import { EXIT } from '../../../src/cli/context.ts';
import type { FaultedRequest } from '../../../src/local/fal/faults.ts';
import { resumeBatch } from '../../../src/operations/batches.ts';
import { countedOn } from '../../../src/shared/requests/failing.ts';
import type { BatchStatus } from '../../../src/shared/status/status.ts';
import { expectLedgerIsBook, expectMoneyAtRest, expectPaidOnce } from '../../support/accounts.ts';
import { untilEndedOrDecided } from '../../support/another-picture.ts';
import { flush, rebuild } from '../../support/lost-redis.ts';
import { openReceiver } from '../../support/receiver.ts';
import { openWorkshop, type Workshop } from '../../support/workshop.ts';
import { workshopCli } from '../../support/workshop-cli.ts';

// Waits are for conditions; on a machine that is busy with other work they come to pass late.
jest.setTimeout(120_000);

/** As the workshop sets it: over all workers. */
const CONCURRENCY = 8;
const LIMIT = 5;

const shots = (count: number, word = 'lamp') =>
  Array.from({ length: count }, (_, at) => ({ id: `${word}-${at}`, prompt: `a ${word} number ${at}` }));

/** fal refuses the input of every submit that fits; resolves to how many it was asked. */
function refuse({ fal }: Workshop, fits: (request: FaultedRequest) => boolean = () => true) {
  let posts = 0;
  const when = (request: FaultedRequest) => {
    posts += 1;
    return fits(request);
  };
  fal.faults.add({ on: 'submit', kind: 'invalid', when });
  return { posts: () => posts };
}

const isStill = ({ counts }: BatchStatus) =>
  counts.submitting + counts.submitted + counts.unknown + counts.generated + counts.rendering === 0;

/** With nothing in flight, and with everybody told. */
async function untilHeld(workshop: Workshop, batch: string): Promise<BatchStatus> {
  for (;;) {
    const status = await workshop.untilStatus(batch, (one) => one.state === 'held' && isStill(one));
    if ((await workshop.shop.batches.read(batch))?.hold?.isNoted === true) return status;
  }
}

const holdsOf = async ({ shop }: Workshop, batch: string) =>
  (await shop.journal.events(batch)).filter(({ kind }) => kind === 'hold');

const resume = (workshop: Workshop, batch: string) =>
  resumeBatch(batch, { cap: undefined }, workshop.operations);

describe('a batch whose requests fail together', () => {
  it('is held after the limit and what was in flight, of 300 rows and by any number of workers', async () => {
    await using workshop = await openWorkshop();
    const refused = refuse(workshop);
    const batch = await workshop.enqueueRows(shots(300));
    for (let worker = 0; worker < 3; worker += 1) await workshop.startWorker();
    const held = await untilHeld(workshop, batch);
    expect(refused.posts()).toBeLessThanOrEqual(LIMIT + CONCURRENCY);
    expect(held.counts.failed).toBeLessThanOrEqual(LIMIT + CONCURRENCY);
    expect(held).toMatchObject({ money: { reservedUsd: 0, spentUsd: 0 } });
    expect(held.counts.held + held.counts.failed).toBe(300);
    expect(held.heldReason).toMatch(
      /^failing: \d+ requests in a row failed with missing, the last one lamp-\d+: fal/,
    );
    const [hold, ...more] = await holdsOf(workshop, batch);
    expect(hold).toMatchObject({ failing: { code: 'missing', failures: LIMIT } });
    expect(more).toEqual([]);

    // Somebody who watches gets a word and an exit code.
    await using cli = await workshopCli(workshop);
    const watched = await cli.run((context) => statusCommand(context, batch, { watch: true }));
    expect(watched.result).toBe(EXIT.held);
    expect(watched.err).toContain(`${batch} is held: failing: `);

    // Resumed while fal still refuses, it holds again after as many more.
    const before = refused.posts();
    await resume(workshop, batch);
    await workshop.untilStatus(batch, ({ state }) => state === 'held' && refused.posts() > before);
    await untilHeld(workshop, batch);
    expect(refused.posts() - before).toBeLessThanOrEqual(LIMIT + CONCURRENCY);
    expect(await holdsOf(workshop, batch)).toHaveLength(2);
    await expectMoneyAtRest(workshop, batch);
  });

  it('goes on where one of three is refused', async () => {
    await using workshop = await openWorkshop();
    refuse(workshop, ({ input }) => Number(/\d+$/.exec(String(input?.['prompt']))?.[0]) % 3 === 0);
    const { shop } = workshop;
    const batch = await workshop.enqueueRows(shots(90));
    for (let worker = 0; worker < 3; worker += 1) await workshop.startWorker();
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 60, failed: 30 } });
    // While the first pictures are made the refusals come alone; the first good one goes on by itself.
    const kinds = (await shop.journal.events(batch)).map(({ kind }) => kind);
    expect(kinds.at(-1)).not.toBe('hold');
    expect(kinds.filter((kind) => kind === 'hold').length).toBeLessThanOrEqual(1);
    expect((await shop.batches.read(batch))?.hold).toBeUndefined();
    await expectLedgerIsBook(workshop);
  });

  it('is held by pictures that cannot be rendered, and not where those are made again by themselves', async () => {
    await using workshop = await openWorkshop({ settings: { FAL_CONCURRENCY: '2' } });
    workshop.fal.faults.add({ on: 'media', kind: 'other-size' });
    const batch = await workshop.enqueueRows(shots(60));
    await workshop.startWorker();
    const held = await untilHeld(workshop, batch);
    expect(held.heldReason).toContain('failed with wrong_size');
    expect(held.counts.held).toBeGreaterThan(LIMIT);
    expect(held.counts.delivered).toBe(0);
    const regenerated = await workshop.enqueueRows(shots(12, 'cup'), { batch: 'cups', regenerate: 1 });
    await workshop.untilEnded(regenerated);
    expect(await holdsOf(workshop, regenerated)).toEqual([]);
    await expectLedgerIsBook(workshop);
  });

  it('is resumed by a retry, with what failed', async () => {
    await using workshop = await openWorkshop();
    refuse(workshop);
    const batch = await workshop.enqueueRows(shots(30));
    await workshop.startWorker();
    const { counts } = await untilHeld(workshop, batch);
    workshop.fal.faults.clear();
    await using cli = await workshopCli(workshop);
    const { err } = await cli.run((context) => retryCommand(context, batch, { yes: true }));
    expect(err).toContain(`${counts.failed} requests queued`);
    expect(err).not.toContain('note:');
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 30, failed: 0 } });
    const kinds = (await workshop.shop.journal.events(batch)).map(({ kind }) => kind);
    expect(kinds.slice(-2).sort()).toEqual(['resume', 'retry']);
    await expectPaidOnce(workshop, batch);
  });

  it('is held again by a rebuild, with its reason, and runs again by a resume', async () => {
    // A request that had its intent when the batch was held is in doubt after a rebuild, until its time is past.
    await using workshop = await openWorkshop({
      settings: { FAL_START_TIMEOUT_S: '1', FAL_UNKNOWN_MARGIN_S: '1' },
      postWindowMs: 500,
    });
    refuse(workshop);
    const batch = await workshop.enqueueRows(shots(40));
    const worker = await workshop.startWorker();
    const before = await untilHeld(workshop, batch);
    await worker[Symbol.asyncDispose]();
    await flush(workshop.redis);
    await rebuild(workshop);
    expect(await workshop.status(batch)).toMatchObject({
      state: 'held',
      heldReason: expect.stringContaining('failing: 5'),
    });
    workshop.fal.faults.clear();
    await resume(workshop, batch);
    await flush(workshop.redis);
    await rebuild(workshop);
    await workshop.startWorker();
    const { status } = await untilEndedOrDecided(workshop, batch);
    expect(status.counts).toMatchObject({
      delivered: 40 - before.counts.failed,
      failed: before.counts.failed,
    });
  }, 90_000);

  it('is noted by the sweep where the worker whose step held it has died', async () => {
    await using workshop = await openWorkshop();
    const { shop } = workshop;
    const batch = await workshop.enqueueRows(shots(20));
    for (let row = 0; row < LIMIT; row += 1)
      await shop.records.transition('fail', {
        request: `${batch}.${row}.0`,
        failing: { code: 'missing', shot: `lamp-${row}`, message: 'no', on: countedOn('missing', 'final') },
      });
    expect(await shop.batches.word(batch)).toBe('held');
    expect(await holdsOf(workshop, batch)).toEqual([]);
    await workshop.sweep();
    await workshop.sweep();
    expect(await holdsOf(workshop, batch)).toHaveLength(1);
    expect((await shop.batches.read(batch))?.hold?.isNoted).toBe(true);
  });
});

describe('the webhook of a hold', () => {
  const signed = { settings: { WEBHOOK_SECRET: 'a secret of the test', WEBHOOK_HOSTS: '127.0.0.1' } };

  it('is told with its reason, and the end after it', async () => {
    await using workshop = await openWorkshop(signed);
    await using receiver = await openReceiver();
    refuse(workshop);
    const batch = await workshop.enqueueRows(shots(30), { onDone: receiver.url });
    await workshop.startWorker();
    const [hook] = await receiver.until(1);
    const told = JSON.parse(hook?.body ?? '');
    expect(told).toMatchObject({
      event: 'batch.held',
      batch,
      status: { state: 'held', heldReason: expect.stringContaining('failing: ') },
      simulated: true,
    });
    expect(told.id).toBe(`${batch}-${Date.parse(told.heldAt)}`);
    await untilHeld(workshop, batch);
    workshop.fal.faults.clear();
    await resume(workshop, batch);
    await workshop.untilEnded(batch);
    const [, ended] = await receiver.until(2);
    expect(JSON.parse(ended?.body ?? '')).toMatchObject({ event: 'batch.ended', batch });
    expect(receiver.received).toHaveLength(2);
  });

  it('is told of a cap that holds the whole batch', async () => {
    await using workshop = await openWorkshop(signed);
    await using receiver = await openReceiver();
    const batch = await workshop.enqueueRows(shots(6), { onDone: receiver.url, cap: 40_000 });
    await workshop.startWorker();
    const [hook] = await receiver.until(1);
    expect(JSON.parse(hook?.body ?? '')).toMatchObject({
      event: 'batch.held',
      status: { heldReason: expect.stringContaining('the batch cap') },
    });
    // What a cap holds is held again by itself.
    expect(await holdsOf(workshop, batch)).toEqual([]);
  });
});

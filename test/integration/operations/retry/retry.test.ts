import { describe, expect, it, jest } from '@jest/globals';
import { cancelCommand } from '../../../../src/cli/commands/cancel.ts';
import { exportCommand } from '../../../../src/cli/commands/export.ts';
import { type RetryArguments, retryCommand } from '../../../../src/cli/commands/retry.ts';
import { pauseBatch } from '../../../../src/operations/batches.ts';
import { findRetryable, retryFailures } from '../../../../src/operations/retry/retry.ts';
import { defaultRegistry } from '../../../../src/shared/models/registry.ts';
import {
  expectLedgerIsBook,
  expectMoneyAtRest,
  expectPaidOnce,
  failuresOf,
} from '../../../support/accounts.ts';
import { openDesk } from '../../../support/desk.ts';
import { flush, rebuild } from '../../../support/lost-redis.ts';
import { openWorkshop, type Workshop } from '../../../support/workshop.ts';
import { type WorkshopCli, workshopCli } from '../../../support/workshop-cli.ts';

// Waits are for conditions; on a machine that is busy with other work they come to pass late.
jest.setTimeout(90_000);

const shots = (count: number) =>
  Array.from({ length: count }, (_, at) => ({ id: `lamp-${at}`, prompt: `a lamp number ${at}` }));

/** An ended batch of which some submits were refused for good, at no cost. */
async function refused(workshop: Workshop, count: number, times: number) {
  workshop.fal.faults.add({ on: 'submit', kind: 'invalid', times });
  const batch = await workshop.enqueueRows(shots(count));
  const work = await workshop.startWorker();
  await workshop.untilEnded(batch);
  return { batch, work };
}

function never(): never {
  throw new Error('there is no failure');
}

const retry = (cli: WorkshopCli, batch: string, args: RetryArguments = {}) =>
  cli.run((context) => retryCommand(context, batch, args));

describe('retry', () => {
  it('tries what failed again in an ended batch, which then ends anew with a summary of its own', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const { batch } = await refused(workshop, 5, 2);
    expect(await workshop.status(batch)).toMatchObject({ counts: { delivered: 3, failed: 2 } });

    const { out, err } = await retry(cli, batch, { json: true });
    expect(JSON.parse(out)).toEqual({ batch, retried: 2, estimate: { minUsd: 0.04, maxUsd: 0.04 } });
    expect(err).toContain('2 failed requests: 2 requests to fal, $0.04');
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 5, failed: 0 } });
    await expectPaidOnce(workshop, batch);
    await expectLedgerIsBook(workshop);
    await expectMoneyAtRest(workshop, batch);
    await workshop.sweep();
    expect(await workshop.shop.journal.readSummary(batch)).toMatchObject({
      counts: { delivered: 5, failed: 0 },
    });

    const again = await retry(cli, batch);
    expect(again).toMatchObject({ result: 0, out: '' });
    expect(again.err).toContain(`${batch} has no failed request`);
  });

  it('that was stopped for long does not try a later failure of the same request again', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const { batch, work } = await refused(workshop, 1, 2);
    const { shop } = workshop;
    const chosen = await findRetryable(
      batch,
      { code: undefined, shots: undefined },
      { ...shop, registry: defaultRegistry() },
      AbortSignal.timeout(10_000),
    );
    expect(chosen).toHaveLength(1);
    await retry(cli, batch);
    await workshop.untilEnded(batch);
    await work[Symbol.asyncDispose]();
    const add = shop.queues.add.bind(shop.queues);
    const deps = { ...shop, add, restore: never, eventId: () => 'late', clock: Date.now };
    expect(await retryFailures(batch, chosen, deps)).toBe(0);
    expect(await workshop.status(batch)).toMatchObject({ state: 'done', counts: { failed: 1, planned: 0 } });
    // A person who asks anew is heard, and a rebuild does not take the late word for one on the later failure.
    await flush(workshop.redis);
    await rebuild(workshop);
    expect(await workshop.status(batch)).toMatchObject({ counts: { failed: 1, planned: 0 } });
    expect(JSON.parse((await retry(cli, batch, { json: true })).out)).toMatchObject({ retried: 1 });
  });

  it('is pending in the export until it is known what came of it, and failed where it failed again', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const { batch, work } = await refused(workshop, 3, 2);
    await work[Symbol.asyncDispose]();
    const statuses = async () => {
      const { out } = await cli.run((context) => exportCommand(context, batch, { format: 'jsonl' }));
      return out
        .trim()
        .split('\n')
        .map((line): string => JSON.parse(line).status)
        .sort();
    };
    expect(await statuses()).toEqual(['delivered', 'failed', 'failed']);
    await retry(cli, batch);
    expect(await statuses()).toEqual(['delivered', 'pending', 'pending']);

    workshop.fal.faults.add({ on: 'submit', kind: 'invalid', times: 1 });
    await workshop.startWorker();
    await workshop.untilEnded(batch);
    expect(await statuses()).toEqual(['delivered', 'delivered', 'failed']);
  });

  it('leaves a failure one where the retry was written down and nothing came of it', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const { batch, work } = await refused(workshop, 1, 1);
    await work[Symbol.asyncDispose]();
    const { row, part, round } = [...(await workshop.shop.journal.failures(batch)).values()][0] ?? never();
    const event = { kind: 'retry' as const, at: Date.now(), failed: [`${row}.${part}-${round}`] };
    await workshop.shop.journal.writeEvent(batch, event, 'broke-off');
    const { out } = await cli.run((context) => exportCommand(context, batch, { format: 'jsonl' }));
    expect(JSON.parse(out)).toMatchObject({ status: 'failed' });
    await flush(workshop.redis);
    expect(
      JSON.parse((await cli.run((context) => exportCommand(context, batch, { format: 'jsonl' }))).out),
    ).toMatchObject({ status: 'failed' });
  });

  it('takes only the code and the shots that are asked for', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const { batch, work } = await refused(workshop, 3, 3);
    await work[Symbol.asyncDispose]();
    const [{ code } = { code: '' }] = Object.values(await failuresOf(workshop, batch));
    expect((await retry(cli, batch, { code: 'result_gone' })).err).toContain('with the code result_gone');
    expect((await retry(cli, batch, { shot: 'lamp-9' })).err).toContain('no failed request of lamp-9');
    const { out } = await retry(cli, batch, { code, shot: 'lamp-0, lamp-2', json: true });
    expect(JSON.parse(out)).toMatchObject({ retried: 2 });
    expect(await workshop.status(batch)).toMatchObject({
      state: 'running',
      counts: { planned: 2, failed: 1 },
    });
    expect(await workshop.shop.journal.events(batch)).toMatchObject([
      { kind: 'retry', failed: [expect.stringMatching(/^0\.0-/), expect.stringMatching(/^2\.0-/)] },
    ]);
    expect((await retry(cli, batch)).err).toContain('1 failed request: 1 request to fal');
  });

  it('renders anew for nothing where the originals exist', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const batch = await workshop.enqueueRows(shots(2));
    await workshop.startWorker();
    await workshop.untilEnded(batch);
    await workshop.shop.queues.queue('render').pause();
    // As a render child does that was started three times without an end.
    const other = await workshop.enqueueRows(shots(2), { batch: 'again' });
    for (const row of [0, 1]) {
      const name = { batch: other, row, part: 0 };
      await workshop.shop.journal.writeFailure({
        ...name,
        round: 0,
        at: Date.now(),
        code: 'render_crashed',
        message: 'it crashed',
      });
      await workshop.shop.records.transition('fail', { request: `${other}.${row}.0` });
    }
    const { err, out } = await retry(cli, other, { json: true });
    expect(err).toContain('0 requests to fal, $0.00, 2 requests rendered anew at no cost');
    expect(JSON.parse(out)).toEqual({ batch: other, retried: 2, estimate: { minUsd: 0, maxUsd: 0 } });
    await workshop.shop.queues.queue('render').resume();
    expect(await workshop.untilEnded(other)).toMatchObject({ counts: { delivered: 2 } });
    expect(workshop.fal.book.charged()).toHaveLength(2);
  });

  it('asks before it spends more than CONFIRM_OVER_USD, and for a picture that may be paid already', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop, { CONFIRM_OVER_USD: '0.03' });
    const { batch, work } = await refused(workshop, 3, 3);
    await work[Symbol.asyncDispose]();
    await expect(retry(cli, batch)).rejects.toThrow(
      'This may cost up to $0.06, more than CONFIRM_OVER_USD ($0.03): add --yes.',
    );
    const lost = { batch, row: 1, part: 0, round: 7, at: Date.now(), code: 'result_expired', message: 'x' };
    await workshop.shop.journal.writeFailure(lost);
    expect(await workshop.shop.journal.events(batch)).toEqual([]);
    // It may have been paid: --yes never pays for it again.
    const { err, out } = await retry(cli, batch, { yes: true, json: true });
    expect(err).toContain('3 failed requests: 1 to fetch, $0.00, 2 requests to fal, $0.04');
    expect(JSON.parse(out)).toMatchObject({ retried: 3, estimate: { maxUsd: 0.04 } });
  });

  it('goes on with an ended batch that was paused, and leaves a cancelled one alone', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const { batch } = await refused(workshop, 1, 1);
    await workshop.shop.batches.setWord(batch, 'paused');
    await retry(cli, batch);
    expect(await workshop.untilEnded(batch)).toMatchObject({ state: 'done', counts: { delivered: 1 } });

    const other = await workshop.enqueueRows(shots(30), { batch: 'other' });
    await pauseBatch(other, workshop.operations);
    await cli.run((context) => cancelCommand(context, other, {}));
    await expect(retry(cli, other)).rejects.toThrow('Batch other is cancelled and stays so');
    await expect(retry(cli, 'othor')).rejects.toThrow('did you mean other?');
  });

  it('is restored by a rebuild, if Redis is lost before it was tried', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const { batch, work } = await refused(workshop, 4, 3);
    await work[Symbol.asyncDispose]();
    await retry(cli, batch, { shot: 'lamp-0,lamp-1,lamp-2,lamp-3' });
    await flush(workshop.redis);
    expect((await rebuild(workshop)).counts).toMatchObject({ planned: 3, delivered: 1 });
    await workshop.startWorker();
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 4, failed: 0 } });
    await expectPaidOnce(workshop, batch);
    await expectLedgerIsBook(workshop);
  });

  it('restores an ended batch that Redis has forgotten, with what is tried again', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const { batch, work } = await refused(workshop, 4, 1);
    await work[Symbol.asyncDispose]();
    const { client, prefix } = workshop.redis;
    await workshop.sweep();
    const gone = (await client.keys(`${prefix}:*`)).filter((key) => key.includes(batch));
    await client.del(gone);
    expect(await workshop.shop.batches.read(batch)).toBeUndefined();
    const { out } = await retry(cli, batch, { json: true });
    expect(JSON.parse(out)).toMatchObject({ retried: 1 });
    await workshop.startWorker();
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 4, failed: 0 } });
    await expectPaidOnce(workshop, batch);
    await expectLedgerIsBook(workshop);
    await expectMoneyAtRest(workshop, batch);
  });
});

describe('a record that is revived', () => {
  it('has no end and no time to live any more, nor has its batch, and begins anew in a new round', async () => {
    await using desk = await openDesk();
    const [request = ''] = await desk.open('spring', 1);
    await desk.batches.complete('spring');
    await desk.step('fail', request, { set: { failure: 'x', attempts: 3, renderStarts: 3 } });
    await desk.batches.summarized('spring', 60);
    expect((await desk.batches.read('spring'))?.summarized).toBe(true);
    const before = await desk.records.read(request);
    expect(await desk.step('rerender', request)).toMatchObject({ code: 'ok' });
    expect(await desk.records.read(request)).toMatchObject({
      state: 'generated',
      round: (before?.round ?? 0) + 1,
      attempts: 0,
      renderStarts: 0,
      failure: undefined,
    });
    const view = await desk.batches.read('spring');
    expect(view).toMatchObject({ doneAtMs: undefined, summarized: false });
    const { client, prefix } = desk.redis;
    expect(await client.ttl(`${prefix}:rec:${request}`)).toBe(-1);
    expect(await client.ttl(`${prefix}:batch:spring`)).toBe(-1);
    // The summary of before, written late: it is not at its end.
    await desk.batches.summarized('spring', 60);
    expect(await client.ttl(`${prefix}:batch:spring`)).toBe(-1);
  });

  it('is recalled where Redis has forgotten it, and only then', async () => {
    await using desk = await openDesk();
    const [request = ''] = await desk.open('spring', 2);
    await desk.step('fail', request);
    const before = await desk.records.read(request);
    await desk.records.recallFailed(request, 40);
    expect(await desk.records.read(request)).toEqual(before);
    await desk.redis.client.del(`${desk.redis.prefix}:rec:${request}`);
    await desk.records.recallFailed(request, 40);
    expect(await desk.step('retry', request)).toMatchObject({ code: 'ok', round: 41 });
    expect((await desk.batches.read('spring'))?.counts).toMatchObject({ planned: 2, failed: 0 });
    await desk.records.recallFailed('summer.0.0', 1);
    expect(await desk.records.read('summer.0.0')).toBeUndefined();
  });
});

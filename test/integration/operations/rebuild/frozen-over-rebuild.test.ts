import { randomUUID } from 'node:crypto';
import { describe, expect, it, jest } from '@jest/globals';
import { dayOf } from '../../../../src/shared/base/time.ts';
import { objectKeys } from '../../../../src/shared/store/keys.ts';
import { expectLedgerIsBook, expectMoneyAtRest, expectPaidOnce } from '../../../support/accounts.ts';
import { completed, submit } from '../../../support/fal.ts';
import { flush, rebuild } from '../../../support/lost-redis.ts';
import { openWorkshop, type Workshop } from '../../../support/workshop.ts';

// Waits are for conditions; on a machine that is busy with other work they come to pass late.
jest.setTimeout(90_000);

const QUICK = {
  settings: { FAL_START_TIMEOUT_S: '2', FAL_UNKNOWN_MARGIN_S: '1' },
  postWindowMs: 1_000,
} as const;

const PLATE = 'a plain white plate';
const INPUT = {
  prompt: PLATE,
  quality: 'medium',
  image_size: '1024x1024',
  background: 'auto',
  output_format: 'png',
  num_images: 1,
};

/** Two shots that fal cannot tell apart, and a third that is there to have the batch go on. */
async function twins(workshop: Workshop): Promise<string> {
  return await workshop.enqueueRows([
    { id: 'one', prompt: PLATE },
    { id: 'two', prompt: PLATE },
  ]);
}

/** What a run does up to fal's acceptance of its POST; its answer has not been read yet. */
async function sent({ shop, fal }: Workshop, batch: string, row: number): Promise<string> {
  const request = `${batch}.${row}.0`;
  const name = { batch, row, part: 0 };
  const record = await shop.records.activate(request, 'generate');
  const planned = await shop.journal.planned(name);
  const take = { shotKey: planned.row.shotKey, indices: [0], price: planned.request.maxMicroUsd };
  const epoch = record?.epoch ?? -1;
  await shop.records.transition('reserve', { request, epoch, take });
  const at = Date.now();
  const intent = { nonce: randomUUID(), at, reserved: take.price, day: dayOf(at), indices: [0] };
  await shop.journal.writeIntent({ ...name, round: record?.round ?? -1, ...intent });
  await shop.records.transition('confirm', { request, epoch, rival: { hash: 'plate', intentAtMs: at } });
  const requestId = await submit(fal, INPUT);
  await completed(fal, requestId);
  return requestId;
}

/** The search for a lost answer found this entry, and is about to write it down. */
async function found({ shop }: Workshop, request: string, requestId: string): Promise<void> {
  const record = await shop.records.activate(request, 'collect');
  const step = { request, epoch: record?.epoch ?? -1, takeId: requestId };
  expect(await shop.records.transition('accept', step)).toMatchObject({ code: 'ok' });
}

describe('a run that is frozen between taking an id of fal and writing it down, over a loss of Redis and a rebuild', () => {
  it('costs nothing, though the id was found for another request with the same input by then', async () => {
    await using workshop = await openWorkshop({ ...QUICK, fal: { seed: 'frozen' } });
    await workshop.shop.memory.open();
    const batch = await twins(workshop);
    const [first, second] = [await sent(workshop, batch, 0), await sent(workshop, batch, 1)];
    await flush(workshop.redis);
    await rebuild(workshop);
    // They cannot be told apart: each finds the other's.
    await found(workshop, `${batch}.1.0`, first);
    await found(workshop, `${batch}.0.0`, second);

    const of = { batch, row: 0, part: 0, round: 0, at: Date.now() };
    await workshop.shop.journal.takeId({ ...of, requestId: first, how: 'answered' });
    await workshop.sweep();
    await workshop.startWorker();

    expect(await workshop.untilEnded(batch, 60_000)).toMatchObject({ counts: { delivered: 2, failed: 0 } });
    expect(workshop.fal.book.entries()).toHaveLength(2);
    await expectPaidOnce(workshop, batch);
    await expectLedgerIsBook(workshop);
    await expectMoneyAtRest(workshop, batch);
  });

  it('leaves its id to its request when it wrote down the first half before the loss', async () => {
    await using workshop = await openWorkshop({ ...QUICK, fal: { seed: 'half' } });
    await workshop.shop.memory.open();
    const batch = await twins(workshop);
    const name = { batch, row: 0, part: 0 };
    const first = await sent(workshop, batch, 0);
    const has = { ...name, round: 0, at: Date.now(), requestId: first, how: 'answered' };
    await workshop.shop.store.putOnce(objectKeys.roundHas(name, 0, 0), Buffer.from(JSON.stringify(has)), {
      contentType: 'application/json',
    });
    await flush(workshop.redis);

    expect((await rebuild(workshop)).counts).toMatchObject({ submitted: 1, planned: 1 });

    expect((await workshop.shop.records.read(`${batch}.0.0`))?.requestId).toBe(first);
    await workshop.startWorker();
    await workshop.untilEnded(batch, 60_000);
    await expectPaidOnce(workshop, batch);
    await expectLedgerIsBook(workshop);
    await expectMoneyAtRest(workshop, batch);
  });

  it('fails nothing by a refusal that it hears only then', async () => {
    await using workshop = await openWorkshop({ ...QUICK, fal: { seed: 'refused' } });
    await workshop.shop.memory.open();
    const batch = await twins(workshop);
    await sent(workshop, batch, 0);
    const second = await sent(workshop, batch, 1);
    await flush(workshop.redis);
    await rebuild(workshop);
    const of = { batch, row: 0, part: 0, round: 0, at: Date.now() };
    expect(await workshop.shop.journal.takeId({ ...of, requestId: second, how: 'found' })).toBe(true);

    expect(await workshop.shop.journal.closeRound(of)).toBe(second);

    await workshop.startWorker();
    expect(await workshop.untilEnded(batch, 60_000)).toMatchObject({ counts: { delivered: 2, failed: 0 } });
    await expectPaidOnce(workshop, batch);
  });
});

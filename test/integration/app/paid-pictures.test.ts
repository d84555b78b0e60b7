import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, jest } from '@jest/globals';
import sharp from 'sharp';
import { resumeCommand } from '../../../src/cli/commands/resume.ts';
import { type RetryArguments, retryCommand } from '../../../src/cli/commands/retry.ts';
import type { Fault } from '../../../src/local/fal/faults.ts';
import { ANSWER_BYTES } from '../../../src/shared/base/answer-size.ts';
import { createLook } from '../../../src/shared/status/snapshot.ts';
import { objectKeys } from '../../../src/shared/store/keys.ts';
import { listVariants, originalsOf } from '../../../src/shared/takes/originals.ts';
import { indicesIn } from '../../../src/shared/takes/variants.ts';
import { expectLedgerIsBook, expectMoneyAtRest, expectPaidOnce, failuresOf } from '../../support/accounts.ts';
import { flush, rebuild } from '../../support/lost-redis.ts';
import { openWorkshop, type Workshop } from '../../support/workshop.ts';
import { type WorkshopCli, workshopCli } from '../../support/workshop-cli.ts';

// Waits are for conditions; on a machine that is busy with other work they come to pass late.
jest.setTimeout(90_000);

const shots = (count: number, more: Readonly<Record<string, string>> = {}) =>
  Array.from({ length: count }, (_, at) => ({ id: `mug-${at}`, prompt: `a mug number ${at}`, ...more }));

const retry = (cli: WorkshopCli, batch: string, args: RetryArguments = {}) =>
  cli.run((context) => retryCommand(context, batch, args));

const CLOSED = { on: 'media', kind: 'status', status: 403 } as const satisfies Fault;
/** Long enough for two looks. */
const SHORT = { MEDIA_PATIENCE_S: '2' };

const chargesOf = ({ fal }: Workshop) => fal.book.charged().length;

async function shotKeysOf({ shop }: Workshop, batch: string): Promise<string[]> {
  return (await shop.journal.readChunk(batch, 0)).map(({ shotKey }) => shotKey);
}

/** Every original of the batch is a picture that can be decoded. */
async function expectPictures(workshop: Workshop, batch: string, pictures: number): Promise<void> {
  let decoded = 0;
  for (const shotKey of await shotKeysOf(workshop, batch)) {
    for (const { key } of await originalsOf(workshop.shop.store, shotKey)) {
      const object = await workshop.shop.store.get(key);
      await sharp(object?.body).stats();
      decoded += 1;
    }
  }
  expect(decoded).toBe(pictures);
}

/** An ended batch whose pictures were all paid, and could not be had. */
async function unreachable(workshop: Workshop, rows: readonly Readonly<Record<string, string>>[]) {
  const open = workshop.fal.faults.add(CLOSED);
  const batch = await workshop.enqueueRows(rows, { batch: 'spring' });
  const work = await workshop.startWorker();
  const status = await workshop.untilEnded(batch);
  expect(status.counts).toMatchObject({ failed: rows.length, delivered: 0 });
  open();
  return { batch, work };
}

/** The first answer is read, and none after it. */
function forgetResultOnceRead({ faults }: Workshop['fal']): void {
  let read = 0;
  faults.add({
    on: 'result',
    kind: 'gone',
    when: () => {
      read += 1;
      return read > 1;
    },
  });
}

describe('a media host that our settings do not know', () => {
  it('stops all submits at the first picture; once the setting is mended, retry fetches all and pays nothing', async () => {
    await using workshop = await openWorkshop({
      fal: { latencyMs: 100 },
      settings: { FAL_CONCURRENCY: '2' },
    });
    await using cli = await workshopCli(workshop);
    const { fal, shop } = workshop;
    fal.faults.add({ on: 'address', kind: 'other-host' });
    const batch = await workshop.enqueueRows(shots(12), { batch: 'spring' });
    const work = await workshop.startWorker();
    const held = await workshop.untilStatus(
      batch,
      ({ state, counts }) =>
        state === 'held' && counts.submitting + counts.submitted === 0 && counts.failed > 0,
    );
    expect(held.heldReason).toContain('FAL_MEDIA_HOSTS');
    const bought = chargesOf(workshop);
    expect(held.counts.failed).toBe(bought);
    expect(Object.values(await failuresOf(workshop, batch)).map(({ code }) => code)).toEqual(
      Array.from({ length: bought }, () => 'media_refused'),
    );
    await work[Symbol.asyncDispose]();

    await workshop.startWorker({ mediaHosts: [...fal.mediaHosts, fal.otherMediaHost] });
    const { err } = await retry(cli, batch);
    expect(err).toContain(`${bought} failed request${bought === 1 ? '' : 's'}: ${bought} to fetch, $0.00`);
    await workshop.untilStatus(batch, ({ counts }) => counts.delivered === bought);
    expect(chargesOf(workshop)).toBe(bought);
    // The stop is a user's to lift, since no picture that comes proves the setting right for all.
    expect((await shop.batches.stopped())?.code).toBe('media_refused');
    await cli.run((context) => resumeCommand(context, undefined, {}));
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 12, failed: 0 } });
    expect(chargesOf(workshop)).toBe(12);
    await expectPaidOnce(workshop, batch);
    await expectLedgerIsBook(workshop);
    await expectMoneyAtRest(workshop, batch);
  });
});

describe('a CDN that says 403', () => {
  it('is waited for, and its pictures come without a failure', async () => {
    await using workshop = await openWorkshop();
    const open = workshop.fal.faults.add(CLOSED);
    const batch = await workshop.enqueueRows(shots(2));
    await workshop.startWorker();
    await workshop.untilStatus(batch, ({ counts }) => counts.submitted === 2);
    const look = createLook(workshop.shop);
    const deadlineMs = performance.now() + 20_000;
    for (let heldBack: string | undefined; !heldBack?.startsWith('2 paid pictures'); ) {
      heldBack = (await look(batch))?.heldBack;
      if (performance.now() > deadlineMs) throw new Error(`never said: ${heldBack}`);
      await delay(50);
    }
    open();
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 2, failed: 0 } });
    expect(chargesOf(workshop)).toBe(2);
  });

  it('for longer than that: retry fetches what was paid, and pays nothing', async () => {
    await using workshop = await openWorkshop({ settings: SHORT });
    await using cli = await workshopCli(workshop);
    const { batch } = await unreachable(workshop, shots(4));
    expect(Object.values(await failuresOf(workshop, batch)).map(({ code }) => code)).toEqual(
      Array.from({ length: 4 }, () => 'media_unreachable'),
    );
    const { out, err } = await retry(cli, batch, { json: true });
    expect(JSON.parse(out)).toMatchObject({ retried: 4, estimate: { minUsd: 0, maxUsd: 0 } });
    expect(err).toContain('4 failed requests: 4 to fetch, $0.00');
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 4, failed: 0 } });
    expect(chargesOf(workshop)).toBe(4);
    await expectPaidOnce(workshop, batch);
    await expectLedgerIsBook(workshop);
    await expectMoneyAtRest(workshop, batch);
  });

  it('is asked again by the same request, in the same round, after Redis was lost and rebuilt', async () => {
    await using workshop = await openWorkshop({ settings: SHORT });
    await using cli = await workshopCli(workshop);
    const { batch, work } = await unreachable(workshop, shots(2, { variants: '2' }));
    await work[Symbol.asyncDispose]();
    // A batch that has ended is not restored, but for what is tried again.
    const { err } = await retry(cli, batch, { shot: 'mug-0' });
    expect(err).toContain('1 failed request: 1 to fetch, $0.00');
    await flush(workshop.redis);
    await rebuild(workshop);
    const again = await retry(cli, batch, { shot: 'mug-1' });
    expect(again.err).toContain('1 failed request: 1 to fetch, $0.00');
    const record = await workshop.shop.records.read(`${batch}.1.0`);
    expect(record).toMatchObject({ state: 'submitted', round: 0, booked: 30_000 });
    await workshop.startWorker();
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 2, failed: 0 } });
    expect(chargesOf(workshop)).toBe(2);
    await expectPaidOnce(workshop, batch);
    await expectLedgerIsBook(workshop);
  });

  it('keeps the good pictures of a request, and fetches the others alone', async () => {
    await using workshop = await openWorkshop({ settings: SHORT });
    await using cli = await workshopCli(workshop);
    const { fal, shop } = workshop;
    const open = fal.faults.add({ ...CLOSED, when: ({ path }) => path.includes('-1.') });
    const batch = await workshop.enqueueRows(shots(1, { variants: '3' }));
    await workshop.startWorker();
    await workshop.untilEnded(batch);
    const [shotKey = ''] = await shotKeysOf(workshop, batch);
    const variants = await listVariants(shop.store, shotKey);
    expect([indicesIn(variants, 'made'), indicesIn(variants, 'paid')]).toEqual([[0, 2], [1]]);
    open();
    await retry(cli, batch);
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 1, failed: 0 } });
    await expectPictures(workshop, batch, 3);
    expect(chargesOf(workshop)).toBe(1);
  });
});

describe('a CDN that answers 200 once with', () => {
  it.each(['html', 'empty', 'wrong-length', 'corrupt'] as const)(
    '%s: the next fetch is right, and nothing else is ever kept',
    async (kind) => {
      await using workshop = await openWorkshop();
      workshop.fal.faults.add({ on: 'media', kind, times: 2 });
      const batch = await workshop.enqueueRows(shots(2, { format: 'png' }));
      await workshop.startWorker();
      expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 2, failed: 0 } });
      await expectPictures(workshop, batch, 2);
      // A new list finds the right pictures.
      const again = await workshop.enqueueRows(shots(2, { format: 'png' }), { batch: 'again' });
      expect(await workshop.untilEnded(again)).toMatchObject({ counts: { delivered: 2 } });
      expect(chargesOf(workshop)).toBe(2);
      await expectPaidOnce(workshop, batch, again);
    },
  );

  it('HTML, for longer than the patience: nothing is kept, and retry fetches the picture at no cost', async () => {
    await using workshop = await openWorkshop({ settings: SHORT });
    await using cli = await workshopCli(workshop);
    const open = workshop.fal.faults.add({ on: 'media', kind: 'html' });
    const batch = await workshop.enqueueRows(shots(1));
    await workshop.startWorker();
    await workshop.untilEnded(batch);
    expect((await failuresOf(workshop, batch))['mug-0']).toMatchObject({
      code: 'media_unreachable',
      message: expect.stringContaining('no jpeg, png or webp'),
    });
    const [shotKey = ''] = await shotKeysOf(workshop, batch);
    expect(await originalsOf(workshop.shop.store, shotKey)).toEqual([]);
    open();
    await retry(cli, batch);
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 1, failed: 0 } });
    expect(chargesOf(workshop)).toBe(1);
  });

  it('a whole file that cannot be decoded: it is marked, and the next one is fetched beside it', async () => {
    await using workshop = await openWorkshop();
    workshop.fal.faults.add({ on: 'media', kind: 'undecodable', times: 1 });
    const batch = await workshop.enqueueRows(shots(1));
    await workshop.startWorker({ sweepMs: 300 });
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 1, failed: 0 } });
    const [shotKey = ''] = await shotKeysOf(workshop, batch);
    const names: string[] = [];
    for await (const { key } of workshop.shop.store.list(objectKeys.originals(shotKey)))
      names.push(key.slice(objectKeys.originals(shotKey).length));
    const [entry] = workshop.fal.book.charged();
    expect(names).toEqual(['0.2.png', '0.damaged.json', `0.paid.${entry?.requestId}.json`, '0.png']);
    await expectPictures(workshop, batch, 1);
    expect(chargesOf(workshop)).toBe(1);
    await expectLedgerIsBook(workshop);
    await expectMoneyAtRest(workshop, batch);
  });

  it('a picture far above our limits: it is noted as paid and fails at once, since the same would come again', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const open = workshop.fal.faults.add({ on: 'media', kind: 'huge' });
    const batch = await workshop.enqueueRows(shots(1));
    await workshop.startWorker();
    await workshop.untilEnded(batch);
    expect((await failuresOf(workshop, batch))['mug-0']?.code).toBe('too_many_pixels');
    open();
    const { err } = await retry(cli, batch);
    expect(err).toContain('1 to fetch, $0.00');
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 1 } });
    expect(chargesOf(workshop)).toBe(1);
  });
});

describe('another list that wants what is paid and not to be had', () => {
  it('is quoted at nothing, and fetches it itself, though its cap is full', async () => {
    await using workshop = await openWorkshop({ settings: SHORT });
    const { batch } = await unreachable(workshop, shots(3));
    const other = await workshop.enqueueRows(shots(3), { batch: 'other', cap: 0 });
    const [row] = await workshop.shop.journal.readChunk(other, 0);
    expect(row?.requests).toEqual([{ part: 0, indices: [0], kind: 'fetch', minMicroUsd: 0, maxMicroUsd: 0 }]);
    expect(await workshop.untilEnded(other)).toMatchObject({ counts: { delivered: 3, failed: 0 } });
    expect(chargesOf(workshop)).toBe(3);
    await expectPaidOnce(workshop, batch, other);
    await expectLedgerIsBook(workshop);
    await expectMoneyAtRest(workshop, batch, other);
  });

  it('fails while it cannot be had, and pays nothing', async () => {
    await using workshop = await openWorkshop({ settings: SHORT });
    await using cli = await workshopCli(workshop);
    const { batch } = await unreachable(workshop, shots(2));
    const open = workshop.fal.faults.add(CLOSED);
    const other = await workshop.enqueueRows(shots(2), { batch: 'other' });
    expect(await workshop.untilEnded(other)).toMatchObject({ counts: { delivered: 0, failed: 2 } });
    expect((await failuresOf(workshop, other))['mug-0']?.code).toBe('media_unreachable');
    open();
    expect((await retry(cli, other)).err).toContain('2 failed requests: 2 to fetch, $0.00');
    expect(await workshop.untilEnded(other)).toMatchObject({ counts: { delivered: 2, failed: 0 } });
    // And then the first one renders what is there.
    expect((await retry(cli, batch)).err).toContain('2 requests rendered anew at no cost');
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 2, failed: 0 } });
    expect(chargesOf(workshop)).toBe(2);
    await expectMoneyAtRest(workshop, batch, other);
  });
});

describe('a signed address', () => {
  it('is never stored, and read again from the result when it has run out', async () => {
    await using workshop = await openWorkshop();
    const { fal, shop } = workshop;
    fal.faults.add({ on: 'address', kind: 'signed', ttlMs: 60_000 });
    fal.faults.add({ ...CLOSED, times: 1 });
    const batch = await workshop.enqueueRows(shots(1));
    await workshop.startWorker();
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 1 } });
    for await (const { key } of shop.store.list('')) {
      expect((await shop.store.get(key))?.body.includes('signature=secret')).toBe(false);
    }
    expect(chargesOf(workshop)).toBe(1);
  });

  it('whose result fal has forgotten is read from the history', async () => {
    await using workshop = await openWorkshop();
    const { fal } = workshop;
    fal.faults.add({ on: 'address', kind: 'signed', ttlMs: 60_000 });
    const batch = await workshop.enqueueRows(shots(1));
    forgetResultOnceRead(fal);
    fal.faults.add({ ...CLOSED, times: 1 });
    await workshop.startWorker();
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 1 } });
    expect(chargesOf(workshop)).toBe(1);
  });

  it('of which neither result nor history speaks any more: the request ends, and is not paid for again', async () => {
    await using workshop = await openWorkshop({ settings: SHORT });
    await using cli = await workshopCli(workshop);
    const { fal } = workshop;
    fal.faults.add({ on: 'address', kind: 'signed', ttlMs: 60_000 });
    forgetResultOnceRead(fal);
    fal.faults.add({ on: 'list', kind: 'not-found' });
    fal.faults.add(CLOSED);
    const batch = await workshop.enqueueRows(shots(1));
    await workshop.startWorker();
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { failed: 1 } });
    expect((await failuresOf(workshop, batch))['mug-0']?.code).toBe('media_unreachable');
    expect((await retry(cli, batch)).err).toContain('1 to fetch, $0.00');
    await workshop.untilEnded(batch);
    expect(chargesOf(workshop)).toBe(1);
    // Only a user's own wish pays for it once more, picture by picture.
    const { err } = await retry(cli, batch, { payAgain: true, yes: true });
    expect(err).toContain('mug-0, picture 1: paid as');
    expect(err).toContain('1 request to fal, $0.02');
    fal.faults.clear();
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 1 } });
    expect(chargesOf(workshop)).toBe(2);
    await expectLedgerIsBook(workshop);
  });
});

describe('an answer that is longer than is read', () => {
  const OVERSIZED = { kind: 'oversized', bytes: ANSWER_BYTES.result } as const;

  it('of a result is made good by the history', async () => {
    await using workshop = await openWorkshop();
    workshop.fal.faults.add({ on: 'result', ...OVERSIZED });
    const batch = await workshop.enqueueRows(shots(1));
    await workshop.startWorker();
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 1 } });
    expect(chargesOf(workshop)).toBe(1);
  });

  it('of both ends the request for good, booked and noted as paid, and retry reads it again at no cost', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    for (const on of ['result', 'list'] as const) workshop.fal.faults.add({ on, ...OVERSIZED });
    const batch = await workshop.enqueueRows(shots(1));
    await workshop.startWorker();
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { failed: 1 } });
    expect((await failuresOf(workshop, batch))['mug-0']?.code).toBe('answer_too_large');
    await expectLedgerIsBook(workshop);
    workshop.fal.faults.clear();
    expect((await retry(cli, batch)).err).toContain('1 to fetch, $0.00');
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 1 } });
    expect(chargesOf(workshop)).toBe(1);
    await expectPictures(workshop, batch, 1);
  });

  it('of another call only makes it asked again', async () => {
    await using workshop = await openWorkshop();
    for (const on of ['status', 'list', 'pricing'] as const)
      workshop.fal.faults.add({ on, ...OVERSIZED, times: 1 });
    const batch = await workshop.enqueueRows(shots(1));
    await workshop.startWorker();
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 1 } });
    expect(chargesOf(workshop)).toBe(1);
  });
});

describe('five paid pictures that cannot be had at the same time', () => {
  it('stop all submits, which go on by themselves once one of them is fetched', async () => {
    await using workshop = await openWorkshop({ settings: { FAL_CONCURRENCY: '2' } });
    const { fal, shop } = workshop;
    const open = fal.faults.add(CLOSED);
    const batch = await workshop.enqueueRows(shots(30));
    await workshop.startWorker({ sweepMs: 300 });
    const held = await workshop.untilStatus(batch, ({ state }) => state === 'held');
    expect(held.heldReason).toContain('paid pictures cannot be had');
    await workshop.untilStatus(batch, ({ counts }) => counts.submitting === 0);
    const bought = chargesOf(workshop);
    expect(bought).toBeLessThan(12);
    open();
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 30, failed: 0 } });
    expect(await shop.batches.stopped()).toBeUndefined();
    expect(chargesOf(workshop)).toBe(30);
    await expectMoneyAtRest(workshop, batch);
  });
});

describe('a paid picture of a request that has failed', () => {
  it('is fetched by a worker by itself, and rendered while its batch is under way', async () => {
    await using workshop = await openWorkshop({ settings: SHORT });
    const { fal, shop } = workshop;
    const open = fal.faults.add(CLOSED);
    // The second row waits for a person, so that the batch is not over.
    const batch = await workshop.enqueueRows(shots(2), { proof: 1 });
    await workshop.startWorker({ sweepMs: 300 });
    await workshop.untilStatus(batch, ({ counts }) => counts.failed === 1);
    open();
    expect(await shop.due.hurry(batch)).toBe(1);
    await workshop.untilStatus(batch, ({ counts }) => counts.delivered === 1 && counts.failed === 0);
    expect(await shop.due.hurry(undefined)).toBe(0);
    expect(chargesOf(workshop)).toBe(1);
  });

  it('is only kept where its batch is over, and is due again after a rebuild', async () => {
    await using workshop = await openWorkshop({ settings: SHORT });
    await using cli = await workshopCli(workshop);
    const { batch, work } = await unreachable(workshop, shots(1));
    await work[Symbol.asyncDispose]();
    await flush(workshop.redis);
    await rebuild(workshop);
    expect(await workshop.shop.due.hurry(batch)).toBe(1);
    await workshop.startWorker({ sweepMs: 300 });
    const [shotKey = ''] = await shotKeysOf(workshop, batch);
    const deadlineMs = performance.now() + 30_000;
    while ((await originalsOf(workshop.shop.store, shotKey)).length === 0) {
      if (performance.now() > deadlineMs) throw new Error('it was never fetched');
      await delay(50);
    }
    expect(await workshop.status(batch)).toMatchObject({ state: 'done', counts: { failed: 1 } });
    expect((await retry(cli, batch)).err).toContain('1 request rendered anew at no cost');
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 1 } });
    expect(chargesOf(workshop)).toBe(1);
  });

  it('of a version that noted nothing is fetched all the same', async () => {
    await using workshop = await openWorkshop({ settings: SHORT });
    await using cli = await workshopCli(workshop);
    const { batch } = await unreachable(workshop, shots(1));
    const [shotKey = ''] = await shotKeysOf(workshop, batch);
    if (workshop.stack.store.kind !== 'folder') throw new Error('a workshop keeps a folder store');
    const { rm } = await import('node:fs/promises');
    await rm(`${workshop.stack.store.folder}/${objectKeys.originals(shotKey)}`, { recursive: true });
    expect((await retry(cli, batch)).err).toContain('1 failed request: 1 to fetch, $0.00');
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 1 } });
    expect(chargesOf(workshop)).toBe(1);
  });
});

describe('an answer with too few pictures', () => {
  it('keeps the good ones, and retry asks for the missing one alone', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const { fal } = workshop;
    const whole = fal.faults.add({ on: 'address', kind: 'absent', when: ({ path }) => path.includes('-2.') });
    const batch = await workshop.enqueueRows(shots(1, { variants: '3' }));
    await workshop.startWorker();
    await workshop.untilEnded(batch);
    expect((await failuresOf(workshop, batch))['mug-0']?.code).toBe('too_few_images');
    await expectPictures(workshop, batch, 2);
    whole();
    await retry(cli, batch);
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 1 } });
    expect(fal.book.charged().map(({ images }) => images)).toEqual([3, 1]);
  });
});

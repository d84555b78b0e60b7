import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, jest } from '@jest/globals';
import { exportCommand } from '../../../../src/cli/commands/export.ts';
import { ledgerCommand } from '../../../../src/cli/commands/ledger.ts';
import { redoCommand } from '../../../../src/cli/commands/redo.ts';
import { retryCommand } from '../../../../src/cli/commands/retry.ts';
import { statusCommand } from '../../../../src/cli/commands/status.ts';
import { EXIT } from '../../../../src/cli/context.ts';
import type { FaultedRequest } from '../../../../src/local/fal/faults.ts';
import { leftOfEnding } from '../../../../src/operations/follow-ending.ts';
import { createRegenerate } from '../../../../src/operations/retake/regenerating.ts';
import { silentLogger } from '../../../../src/shared/base/log.ts';
import type { ManifestLine } from '../../../../src/shared/manifest/manifest.ts';
import { defaultRegistry } from '../../../../src/shared/models/registry.ts';
import { objectKeys } from '../../../../src/shared/store/keys.ts';
import { regenerationsOf } from '../../../../src/shared/takes/regenerated.ts';
import { expectLedgerIsBook, expectMoneyAtRest, expectPaidOnce } from '../../../support/accounts.ts';
import { flush, rebuild } from '../../../support/lost-redis.ts';
import { openReceiver } from '../../../support/receiver.ts';
import { openWorkshop, type Workshop } from '../../../support/workshop.ts';
import { type WorkshopCli, workshopCli } from '../../../support/workshop-cli.ts';

// Waits are for conditions; on a machine that is busy with other work they come to pass late.
jest.setTimeout(120_000);

const LIST = [
  { id: 'mug', prompt: 'a mug', variants: '2' },
  { id: 'tee', prompt: 'a tee' },
];

const of = (prompt: string) => ({
  when: ({ input }: FaultedRequest) => input?.['prompt'] === prompt,
});

/** Until a batch and all that follows its end are done. */
async function untilOver({ shop, untilEnded }: Workshop, batch: string): Promise<void> {
  await untilEnded(batch);
  const giveUpAt = performance.now() + 60_000;
  while ((await leftOfEnding(shop, batch)) !== undefined) {
    if (performance.now() > giveUpAt) throw new Error(`what follows the end of ${batch} never ended`);
    await delay(15);
  }
}

async function begunOf({ shop }: Workshop, batch: string): Promise<string[]> {
  const head = await shop.journal.readHead(batch);
  if (head === undefined) throw new Error(`${batch} is not there`);
  return await regenerationsOf(shop.journal, head);
}

async function exported(cli: WorkshopCli, batch: string): Promise<ManifestLine[]> {
  const { out } = await cli.run((context) => exportCommand(context, batch, { format: 'jsonl', json: true }));
  // Printed by `manifestLine`.
  return JSON.parse(out) as ManifestLine[];
}

async function inBucket({ shop }: Workshop, batch: string): Promise<ManifestLine[]> {
  const stored = await shop.store.get(objectKeys.manifest(batch, 'jsonl'));
  const lines = String(stored?.body ?? '')
    .split('\n')
    .filter((line) => line !== '');
  // Written by `manifestLine`.
  return lines.map((line) => JSON.parse(line) as ManifestLine);
}

async function ledgerOf(cli: WorkshopCli, batch: string): Promise<unknown[]> {
  const { out } = await cli.run((context) => ledgerCommand(context, { batch, format: 'jsonl', json: true }));
  return JSON.parse(out) as unknown[];
}

const charged = ({ fal }: Workshop) => fal.book.charged().map(({ chargedMicroUsd }) => chargedMicroUsd);

describe('--regenerate', () => {
  it('makes a picture that fails a check again, once, and the manifest then shows the new one', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    workshop.fal.faults.add({ on: 'media', kind: 'other-size', times: 1, ...of('a tee') });
    await workshop.enqueueRows(LIST, { batch: 'spring', regenerate: 2 });
    await workshop.startWorker();
    await untilOver(workshop, 'spring');
    expect(await workshop.status('spring')).toMatchObject({ counts: { delivered: 1, failed: 1 } });
    await untilOver(workshop, 'spring.again1');

    expect(await begunOf(workshop, 'spring')).toEqual(['spring.again1']);
    expect(await workshop.shop.journal.readHead('spring.again1')).toMatchObject({
      redoOf: 'spring',
      regenerate: 2,
      round: 1,
      images: 1,
    });
    const [mug, tee] = await exported(cli, 'spring');
    expect(mug).toMatchObject({ status: 'delivered' });
    expect(tee).toMatchObject({ status: 'delivered', error: null, images: [{ index: 0, take: 1 }] });
    expect((await inBucket(workshop, 'spring'))[1]).toMatchObject({ images: [{ take: 1 }] });
    expect(await ledgerOf(cli, 'spring.again1')).toMatchObject([
      { shot: 'tee', costUsd: 0.02, why: 'regenerated: wrong_size' },
    ]);
    for (const entry of await ledgerOf(cli, 'spring')) expect(entry).not.toHaveProperty('why');
    const { out } = await cli.run((context) => statusCommand(context, 'spring', {}));
    expect(out).toContain('spring: done, 1 of 2 requests delivered, 1 more made again and delivered\n');
    expect(out).toContain('Of the failed requests 1 was made again: 1 delivered.\n');
    expect(out).toContain('made again: shotlist status spring.again1 (done, $0.02 spent)');
    expect(out).not.toContain('Why 1 failed');
    const json = await cli.run((context) => statusCommand(context, 'spring', { json: true }));
    expect(JSON.parse(json.out)).toMatchObject({
      counts: { delivered: 1, failed: 1 },
      regenerated: {
        requests: 1,
        delivered: 1,
        failed: 0,
        open: 0,
        spentUsd: 0.02,
        batches: [{ batch: 'spring.again1', state: 'done', spentUsd: 0.02, heldReason: null }],
      },
    });
    const watched = await cli.run((context) => statusCommand(context, 'spring', { watch: true }));
    expect(watched.result).toBe(EXIT.ok);
    expect(watched.err).toContain('spring is done: 2 requests delivered (1 of them made again).\n');
    expect(charged(workshop).sort()).toEqual([20_000, 20_000, 30_000]);
    await expectLedgerIsBook(workshop);
    await expectMoneyAtRest(workshop, 'spring', 'spring.again1');
  });

  it('is told and watched as one: the webhook comes once, when the last of it has ended', async () => {
    await using workshop = await openWorkshop({
      settings: { WEBHOOK_SECRET: 'a secret of the test', WEBHOOK_HOSTS: '127.0.0.1' },
    });
    await using cli = await workshopCli(workshop);
    await using receiver = await openReceiver();
    workshop.fal.faults.add({ on: 'media', kind: 'other-size', times: 2, ...of('a tee') });
    await workshop.enqueueRows(LIST, { batch: 'spring', regenerate: 2, onDone: receiver.url });
    const watching = cli.run((context) => statusCommand(context, 'spring', { watch: true }));
    await workshop.startWorker();
    const [hook] = await receiver.until(1);
    const told = JSON.parse(hook?.body ?? '');
    expect(told).toMatchObject({
      batch: 'spring',
      status: { batch: 'spring', counts: { failed: 1 } },
      regenerated: {
        requests: 1,
        delivered: 1,
        spentUsd: 0.04,
        batches: [{ batch: 'spring.again1' }, { batch: 'spring.again2', state: 'done' }],
      },
    });
    const last = await workshop.shop.batches.read('spring.again2');
    expect(told.id).toBe(`spring-${last?.doneAtMs}`);
    const { result, err } = await watching;
    expect({ result, err }).toMatchObject({ result: EXIT.ok });
    expect(err).toContain('spring is done: 2 requests delivered (1 of them made again).\n');
    for (const batch of ['spring', 'spring.again1', 'spring.again2']) await untilOver(workshop, batch);
    expect(receiver.received).toHaveLength(1);
    expect((await inBucket(workshop, 'spring'))[1]).toMatchObject({ images: [{ take: 2 }] });
  });

  it('makes pictures that a person can redo and pick as any that the batch delivered itself', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const { shop } = workshop;
    const tee = async () => (await exported(cli, 'spring'))[1];
    workshop.fal.faults.add({ on: 'media', kind: 'other-size', times: 1, ...of('a tee') });
    await workshop.enqueueRows(LIST, { batch: 'spring', regenerate: 1 });
    await workshop.startWorker();
    await untilOver(workshop, 'spring');
    await untilOver(workshop, 'spring.again1');
    const pick = (take: number) =>
      cli.run((context) => redoCommand(context, 'spring', { shot: 'tee', pick: take }));
    expect((await pick(1)).err).toContain('tee: take 1 counts already');
    await expect(pick(0)).rejects.toThrow('Take 0 of tee is not delivered: it failed its check');
    await expect(pick(3)).rejects.toThrow('There is no take 3 of tee: it has only take 1.');

    const again = await cli.run((context) => redoCommand(context, 'spring', { shot: 'tee', json: true }));
    expect(JSON.parse(again.out)).toMatchObject({ redoOf: 'spring', take: 2, images: 1 });
    await untilOver(workshop, JSON.parse(again.out).batch);
    expect(await tee()).toMatchObject({ status: 'delivered', images: [{ take: 2 }] });
    await pick(1);
    expect(await tee()).toMatchObject({ status: 'delivered', images: [{ take: 1 }] });
    expect(charged(workshop)).toHaveLength(4);

    // As if a person had changed the recipe and had the first one rendered again.
    const name = { row: 1, part: 0 };
    const made = await shop.journal.readDelivery({ batch: 'spring.again1', row: 0, part: 0 });
    const { row } = await shop.journal.planned({ batch: 'spring', ...name });
    const images = (made?.images ?? []).map((image) => ({
      ...image,
      original: { ...image.original, key: `${objectKeys.originals(row.shotKey)}0.png` },
    }));
    await shop.journal.writeDelivery({
      batch: 'spring',
      ...name,
      at: Date.now(),
      costMicroUsd: 20_000,
      images,
    });
    expect((await pick(0)).err).toContain('tee: take 0 counts for picture 0');
    const first = await tee();
    expect(first).toMatchObject({ status: 'delivered', images: [{ index: 0 }] });
    expect(first?.images[0]).not.toHaveProperty('take');
    await expectLedgerIsBook(workshop);
  });

  it('goes on round by round, at most so often, and leaves failed what fails still', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    workshop.fal.faults.add({ on: 'media', kind: 'other-size', ...of('a tee') });
    await workshop.enqueueRows(LIST, { batch: 'spring', regenerate: 2 });
    await workshop.startWorker();
    for (const batch of ['spring', 'spring.again1', 'spring.again2']) await untilOver(workshop, batch);
    expect(await begunOf(workshop, 'spring')).toEqual(['spring.again1', 'spring.again2']);
    expect(await workshop.shop.journal.readHead('spring.again3')).toBeUndefined();
    expect((await exported(cli, 'spring'))[1]).toMatchObject({
      status: 'failed',
      error: expect.stringContaining('wrong_size'),
      images: [],
    });
    expect(charged(workshop)).toHaveLength(4);
    const { err, out, result } = await cli.run((context) =>
      statusCommand(context, 'spring', { watch: true, json: true }),
    );
    expect(JSON.parse(out)).toMatchObject({
      regenerated: { requests: 1, delivered: 0, failed: 1, spentUsd: 0.04 },
    });
    expect({ err, result }).toMatchObject({ result: EXIT.someFailed });
    const words = await cli.run((context) => statusCommand(context, 'spring', {}));
    expect(words.out).toContain('Of the failed requests 1 was made again: 0 delivered, 1 failed once more.');
    expect(words.out).toContain('Why 1 failed');
    await expectLedgerIsBook(workshop);
    await expectMoneyAtRest(workshop, 'spring', 'spring.again1', 'spring.again2');
  });

  it('stays within what is left of the cap, over all rounds, and holds nothing', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    workshop.fal.faults.add({ on: 'media', kind: 'other-size' });
    const rows = ['a', 'b', 'c'].map((id) => ({ id, prompt: `picture ${id}` }));
    // Three at 2 cents, and then two more: one of the three never fits.
    await workshop.enqueueRows(rows, { batch: 'spring', regenerate: 5, cap: 110_000 });
    await workshop.startWorker();
    await untilOver(workshop, 'spring');
    await untilOver(workshop, 'spring.again1');
    expect(await begunOf(workshop, 'spring')).toEqual(['spring.again1']);
    expect(await workshop.status('spring.again1')).toMatchObject({
      state: 'done',
      counts: { failed: 2, held: 0 },
      money: { capUsd: 0.05, spentUsd: 0.04 },
    });
    expect(charged(workshop).reduce((sum, one) => sum + one, 0)).toBe(100_000);
    await expectLedgerIsBook(workshop);

    // The rest of the cap is the other batch's now, and nothing can spend it here any more.
    expect(await workshop.status('spring')).toMatchObject({ money: { capUsd: 0.06, spentUsd: 0.06 } });
    // What costs nothing is tried again all the same.
    workshop.fal.faults.clear();
    const { result } = await cli.run((context) => retryCommand(context, 'spring', { shot: 'a' }));
    expect(result).toBe(0);
  });

  it('refuses a retry that would spend what was handed on, and lets one through that costs nothing', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    workshop.fal.faults.add({ on: 'media', kind: 'other-size', times: 1, ...of('a tee') });
    workshop.fal.faults.add({ on: 'submit', kind: 'invalid', ...of('a hat') });
    const rows = [...LIST, { id: 'hat', prompt: 'a hat' }];
    await workshop.enqueueRows(rows, { batch: 'spring', regenerate: 1, cap: 200_000 });
    await workshop.startWorker();
    await untilOver(workshop, 'spring');
    await untilOver(workshop, 'spring.again1');
    workshop.fal.faults.clear();
    const retry = (shot: string) =>
      cli.run((context) => retryCommand(context, 'spring', { shot, yes: true, json: true }));
    await expect(retry('hat')).rejects.toMatchObject({
      code: 'cap_passed_on',
      message: expect.stringContaining('spring has handed the rest of its cap on to spring.again1'),
    });
    expect(await workshop.status('spring')).toMatchObject({ state: 'done', counts: { failed: 2 } });
    expect(charged(workshop)).toHaveLength(3);
    expect(JSON.parse((await retry('tee')).out)).toMatchObject({ retried: 1, estimate: { maxUsd: 0 } });
    await workshop.untilEnded('spring');
    expect(charged(workshop)).toHaveLength(3);
    await expectLedgerIsBook(workshop);
  });

  it('without any room on the cap makes nothing', async () => {
    await using workshop = await openWorkshop();
    workshop.fal.faults.add({ on: 'media', kind: 'other-size', ...of('a tee') });
    await workshop.enqueueRows(LIST, { batch: 'spring', regenerate: 2, cap: 60_000 });
    await workshop.startWorker();
    await untilOver(workshop, 'spring');
    expect(await begunOf(workshop, 'spring')).toEqual([]);
    expect(await workshop.status('spring')).toMatchObject({ state: 'done', counts: { failed: 1, held: 0 } });
  });

  it('is begun once, however many workers come upon the end, and however often', async () => {
    await using workshop = await openWorkshop();
    workshop.fal.faults.add({ on: 'media', kind: 'other-size', times: 1, ...of('a tee') });
    const head = async () => {
      const found = await workshop.shop.journal.readHead('spring');
      if (found === undefined) throw new Error('spring is not there');
      return found;
    };
    await workshop.enqueueRows(LIST, { batch: 'spring', regenerate: 1 });
    await workshop.startWorker();
    await workshop.startWorker();
    await workshop.untilEnded('spring');
    const regenerate = createRegenerate(workshop.shop, defaultRegistry(), silentLogger);
    const { signal } = new AbortController();
    await Promise.all([1, 2, 3].map(async () => await regenerate(await head(), signal)));
    await untilOver(workshop, 'spring.again1');
    await regenerate(await head(), signal);
    await untilOver(workshop, 'spring');
    expect(charged(workshop)).toHaveLength(3);
    expect(await workshop.status('spring.again1')).toMatchObject({ counts: { delivered: 1 } });
    await expectPaidOnce(workshop, 'spring', 'spring.again1');
    await expectLedgerIsBook(workshop);
  });

  it('leaves other failures alone, and batches that did not ask for it', async () => {
    await using workshop = await openWorkshop();
    // Whole, and above our limits: what is spoiled would be asked for again for ten minutes.
    workshop.fal.faults.add({ on: 'media', kind: 'huge', ...of('a tee') });
    workshop.fal.faults.add({ on: 'media', kind: 'other-size', ...of('a hat') });
    await workshop.enqueueRows(LIST, { batch: 'spring', regenerate: 1 });
    await workshop.enqueueRows([{ id: 'hat', prompt: 'a hat' }], { batch: 'summer' });
    await workshop.startWorker();
    for (const batch of ['spring', 'summer']) {
      await untilOver(workshop, batch);
      expect(await workshop.status(batch)).toMatchObject({ counts: { failed: 1 } });
      expect(await workshop.shop.journal.readHead(`${batch}.again1`)).toBeUndefined();
    }
  });

  it('comes through a loss of Redis, paid once', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    workshop.fal.faults.add({ on: 'media', kind: 'other-size', times: 1, ...of('a tee') });
    await workshop.enqueueRows(LIST, { batch: 'spring', regenerate: 1 });
    const work = await workshop.startWorker();
    await untilOver(workshop, 'spring');
    // At fal by then: a worker that stops between intent and submit leaves what only fal's list can prove absent, which takes
    // a quarter of an hour (docs/rebuild.md).
    await workshop.untilStatus(
      'spring.again1',
      ({ counts }) => counts.submitted + counts.generated + counts.rendering + counts.delivered === 1,
    );
    await work[Symbol.asyncDispose]();
    await flush(workshop.redis);
    await rebuild(workshop);
    await workshop.startWorker();
    await untilOver(workshop, 'spring.again1');
    expect((await exported(cli, 'spring'))[1]).toMatchObject({ status: 'delivered', images: [{ take: 1 }] });
    expect(charged(workshop)).toHaveLength(3);
    await expectLedgerIsBook(workshop);
  });
});

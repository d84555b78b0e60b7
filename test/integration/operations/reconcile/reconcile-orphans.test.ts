import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { costsCommand } from '../../../../src/cli/commands/costs.ts';
import { enqueueCommand } from '../../../../src/cli/commands/enqueue.ts';
import { ledgerCommand } from '../../../../src/cli/commands/ledger.ts';
import { pauseCommand } from '../../../../src/cli/commands/resume.ts';
import { dayOf } from '../../../../src/shared/base/time.ts';
import { expectLedgerIsBook, expectMoneyAtRest } from '../../../support/accounts.ts';
import { completed, submit } from '../../../support/fal.ts';
import { flush, rebuild } from '../../../support/lost-redis.ts';
import { DAY_MS, NOTHING, opened, reconcile, TEE, TEE_INPUT } from '../../../support/reconciling.ts';
import type { Workshop } from '../../../support/workshop.ts';
import type { WorkshopCli } from '../../../support/workshop-cli.ts';

/** Accepted, run and charged by fal without any request of ours, and told of as an orphan. */
async function orphan(
  { workshop, cli }: { workshop: Workshop; cli: WorkshopCli },
  input: object,
  back?: string,
) {
  const requestId = await submit(workshop.fal, input);
  await completed(workshop.fal, requestId);
  expect((await reconcile(cli, back)).orphans).toEqual([{ requestId, costUsd: 0.02 }]);
  return requestId;
}

/** What the day's cap counts, and what costs and ledger print. */
async function moneyOf({ shop }: Workshop, cli: WorkshopCli) {
  const { spent, reserved } = await shop.batches.money(`day:${dayOf(Date.now())}`);
  const costs = await cli.run((context) => costsCommand(context, { by: 'batch', json: true }));
  const ledger = await cli.run((context) => ledgerCommand(context, { format: 'jsonl', json: true }));
  return {
    day: spent + reserved,
    costsUsd: JSON.parse(costs.out).totalUsd,
    ledgerUsd: JSON.parse(ledger.out).map(({ costUsd }: { costUsd: number }) => costUsd),
  };
}

const PAID_ONCE = { day: 20_000, costsUsd: 0.02, ledgerUsd: [0.02] };

describe('an orphan that a later list wants', () => {
  it('is attached by the next reconcile, is not paid again, and counts once everywhere all along', async () => {
    await using one = await opened();
    const { workshop, cli } = one;
    const requestId = await orphan(one, TEE_INPUT);
    const batch = await workshop.enqueueRows([TEE]);
    expect(await reconcile(cli)).toMatchObject({ ...NOTHING, attached: [{ requestId, shot: 'tee' }] });
    expect(await moneyOf(workshop, cli)).toEqual(PAID_ONCE);
    expect(await reconcile(cli)).toMatchObject(NOTHING);
    expect(await moneyOf(workshop, cli)).toEqual(PAID_ONCE);

    await workshop.startWorker();
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 1 } });
    expect(workshop.fal.book.entries()).toHaveLength(1);
    await expectLedgerIsBook(workshop);
    await expectMoneyAtRest(workshop, batch);
    expect(await moneyOf(workshop, cli)).toEqual(PAID_ONCE);
    expect(await reconcile(cli)).toMatchObject(NOTHING);
    expect(await moneyOf(workshop, cli)).toEqual(PAID_ONCE);
  });

  it('counts once after a rebuild too, before it is booked and after', async () => {
    await using one = await opened();
    const { workshop, cli } = one;
    await orphan(one, TEE_INPUT);
    const batch = await workshop.enqueueRows([TEE]);
    expect((await reconcile(cli)).attached).toHaveLength(1);
    await flush(workshop.redis);
    await rebuild(workshop);
    expect(await moneyOf(workshop, cli)).toEqual(PAID_ONCE);
    {
      await using _worker = await workshop.startWorker();
      await workshop.untilEnded(batch);
    }
    await flush(workshop.redis);
    await rebuild(workshop);
    expect(await moneyOf(workshop, cli)).toEqual(PAID_ONCE);
    expect(await reconcile(cli)).toMatchObject(NOTHING);
    expect(workshop.fal.book.entries()).toHaveLength(1);
  });

  it('is fetched days after it was made, when fal has its result no more', async () => {
    let backMs = 3 * DAY_MS;
    await using one = await opened({ clock: () => Date.now() - backMs });
    const { workshop, cli } = one;
    const requestId = await orphan(one, TEE_INPUT, '7d');
    backMs = 0;
    const batch = await workshop.enqueueRows([TEE]);
    // What lies before the time that is asked about is left alone.
    expect(await reconcile(cli, '24h')).toMatchObject(NOTHING);
    expect(await reconcile(cli, '7d')).toMatchObject({ ...NOTHING, attached: [{ requestId, shot: 'tee' }] });
    await workshop.startWorker();
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 1 } });
    expect(workshop.fal.book.entries()).toHaveLength(1);
    expect(await reconcile(cli, '7d')).toMatchObject(NOTHING);
    await expectMoneyAtRest(workshop, batch);
  });

  it('is told of by whoever queues such a list, until a request has it, so that a person may wait', async () => {
    await using one = await opened();
    const { cli } = one;
    const requestId = await orphan(one, TEE_INPUT);
    const path = join(cli.path, 'tees.csv');
    await writeFile(path, 'id,prompt\ntee,a tee\nshirt,a tee\nhat,a hat\n');
    const queue = (more: { dryRun?: true; batch?: string } = {}) =>
      cli.run((context) =>
        enqueueCommand(context, path, { priority: 1_000, recipe: 'original', json: true, ...more }),
      );
    const dry = await queue({ dryRun: true });
    expect(JSON.parse(dry.out)).toMatchObject({ requests: 3, paidAlready: { requests: 1, usd: 0.02 } });
    await cli.run((context) => pauseCommand(context, undefined, {}));
    const queued = await queue();
    expect(queued.err).toContain('fal has charged $0.02 already for what 1 request of it would ask for');
    expect((await reconcile(cli)).attached).toEqual([{ requestId, shot: 'tee' }]);
    expect(JSON.parse((await queue({ dryRun: true, batch: 'again' })).out)).not.toHaveProperty('paidAlready');
  });

  it.each(['the intent', 'the attaching', 'the id'])(
    'is fetched days after it was made by a reconcile that dies behind %s, over a loss of Redis too',
    async (last) => {
      let backMs = 3 * DAY_MS;
      await using one = await opened({ clock: () => Date.now() - backMs });
      const { workshop, cli } = one;
      const requestId = await orphan(one, TEE_INPUT, '7d');
      backMs = 0;
      const batch = await workshop.enqueueRows([TEE]);
      await attachUntil(workshop, { batch, requestId, last });
      await flush(workshop.redis);
      await rebuild(workshop);
      await workshop.startWorker();
      expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 1 } });
      expect(workshop.fal.book.entries()).toHaveLength(1);
      await reconcile(cli, '7d');
      await expectMoneyAtRest(workshop, batch);
      expect(await moneyOf(workshop, cli)).toEqual(PAID_ONCE);
    },
    60_000,
  );

  it.each([
    ['filled', true],
    ['retyped', true],
    ['filled-wrongly', false],
    ['shortened', false],
    ['hidden', false],
  ] as const)(
    'is attached, and told of before an enqueue, only where it is certain: inputs %s',
    async (listInput, isCertain) => {
      await using one = await opened({ listInput });
      const { workshop, cli } = one;
      const jug = { ...TEE_INPUT, prompt: 'a jug with a long handle' };
      const requestId = await orphan(one, jug);
      const path = join(cli.path, 'list.csv');
      await writeFile(path, `id,prompt,model,quality\njug,${jug.prompt},gpt-image-1-mini,medium\n`);
      const args = { priority: 1_000, recipe: 'original', json: true, dryRun: true } as const;
      const { out } = await cli.run((context) => enqueueCommand(context, path, args));
      expect('paidAlready' in JSON.parse(out)).toBe(isCertain);
      const batch = await workshop.enqueueRows([{ id: 'jug', prompt: jug.prompt }]);
      const attached = isCertain ? [{ requestId, shot: 'jug' }] : [];
      expect(await reconcile(cli)).toMatchObject({ ...NOTHING, attached });
      expect(await workshop.status(batch)).toMatchObject({
        counts: isCertain ? { submitted: 1 } : { planned: 1 },
      });
    },
  );

  it('goes to one of two that want it, and the other one is made', async () => {
    await using one = await opened();
    const { workshop, cli } = one;
    const requestId = await orphan(one, TEE_INPUT);
    const batch = await workshop.enqueueRows([TEE, { id: 'shirt', prompt: 'a tee' }]);
    expect(await reconcile(cli)).toMatchObject({ ...NOTHING, attached: [{ requestId, shot: 'tee' }] });
    await workshop.startWorker();
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 2 } });
    expect(workshop.fal.book.entries()).toHaveLength(2);
    expect(await reconcile(cli)).toMatchObject(NOTHING);
    expect(await moneyOf(workshop, cli)).toEqual({ day: 40_000, costsUsd: 0.04, ledgerUsd: [0.02, 0.02] });
  });

  it('stays an orphan where it shows another picture, or none', async () => {
    await using one = await opened();
    const { workshop, cli } = one;
    await orphan(one, { ...TEE_INPUT, quality: 'low', num_images: 2 });
    workshop.fal.faults.add({ on: 'run', kind: 'no_media_generated_billed', times: 1 });
    await orphan(one, TEE_INPUT);
    const batch = await workshop.enqueueRows([TEE]);
    expect(await reconcile(cli)).toMatchObject(NOTHING);
    expect(await workshop.status(batch)).toMatchObject({ counts: { planned: 1 } });
  });

  it.each(['the intent', 'the attaching', 'the id'])(
    'is neither lost nor counted twice by a reconcile that dies behind %s, with a rebuild and without',
    async (last) => {
      for (const isRebuilt of [false, true]) {
        await using one = await opened();
        const { workshop, cli } = one;
        const requestId = await orphan(one, TEE_INPUT);
        const batch = await workshop.enqueueRows([TEE]);
        await attachUntil(workshop, { batch, requestId, last });
        if (isRebuilt) {
          await flush(workshop.redis);
          await rebuild(workshop);
        }
        const again = await reconcile(cli);
        expect(again).toMatchObject({ orphans: [], corrected: [], driftUsd: 0 });
        await workshop.startWorker();
        expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 1 } });
        expect(workshop.fal.book.entries()).toHaveLength(1);
        await expectMoneyAtRest(workshop, batch);
        expect(await reconcile(cli)).toMatchObject(NOTHING);
        expect(await moneyOf(workshop, cli)).toEqual(PAID_ONCE);
      }
    },
    60_000,
  );
});

/** The steps of `attach.ts` up to the one named, as a run leaves them that dies behind it. */
async function attachUntil(
  { fal, shop }: Workshop,
  { batch, requestId, last }: { batch: string; requestId: string; last: string },
): Promise<void> {
  const name = { batch, row: 0, part: 0 };
  const sentAtMs = fal.book.entries()[0]?.acceptedAtMs ?? 0;
  const { row, request } = await shop.journal.planned(name);
  const price = request.maxMicroUsd;
  await shop.journal.writeIntent({
    ...{ ...name, round: 0, nonce: 'reconcile', at: sentAtMs },
    ...{ reserved: price, day: dayOf(Date.now()), indices: [0] },
  });
  if (last === 'the intent') return;
  const attached = await shop.records.transition('attach', {
    request: `${batch}.0.0`,
    take: { shotKey: row.shotKey, indices: [0], price },
    takeId: requestId,
    set: { intentAtMs: sentAtMs },
  });
  expect(attached).toMatchObject({ code: 'ok', round: 0 });
  if (last === 'the attaching') return;
  await shop.journal.takeId({ ...name, round: 0, requestId, at: Date.now(), how: 'found' });
}

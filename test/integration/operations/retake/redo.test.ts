import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, jest } from '@jest/globals';
import { cancelCommand } from '../../../../src/cli/commands/cancel.ts';
import { exportCommand } from '../../../../src/cli/commands/export.ts';
import { type RedoArguments, redoCommand } from '../../../../src/cli/commands/redo.ts';
import { retryCommand } from '../../../../src/cli/commands/retry.ts';
import type { FaultedRequest } from '../../../../src/local/fal/faults.ts';
import type { ManifestLine } from '../../../../src/shared/manifest/manifest.ts';
import { objectKeys } from '../../../../src/shared/store/keys.ts';
import { expectLedgerIsBook, expectMoneyAtRest, expectPaidOnce } from '../../../support/accounts.ts';
import { flush, rebuild } from '../../../support/lost-redis.ts';
import { sha256Of } from '../../../support/sha256.ts';
import { openWorkshop, type Workshop } from '../../../support/workshop.ts';
import { type WorkshopCli, workshopCli } from '../../../support/workshop-cli.ts';

// Waits are for conditions; on a machine that is busy with other work they come to pass late.
jest.setTimeout(90_000);

const LIST = [
  { id: 'mug', title: 'Mug', prompt: 'a mug', variants: '3' },
  { id: 'tee', title: 'Tee', prompt: 'a tee' },
];

const CATALOG = { recipe: 'catalog', inputs: {} };

interface Redone {
  readonly batch: string;
  readonly take: number;
}

const redo = async (cli: WorkshopCli, batch: string, args: RedoArguments): Promise<Redone> => {
  const { out } = await cli.run((context) => redoCommand(context, batch, { json: true, ...args }));
  // The shape is what the tests then look at.
  return JSON.parse(out) as Redone;
};

async function exported(cli: WorkshopCli, batch: string, shot: string): Promise<ManifestLine> {
  const { out } = await cli.run((context) => exportCommand(context, batch, { format: 'jsonl', json: true }));
  // Printed by `manifestLine`.
  const line = (JSON.parse(out) as ManifestLine[]).find((one) => one.shot === shot);
  if (line === undefined) throw new Error(`${batch} has no ${shot}`);
  return line;
}

const takesOf = ({ images }: ManifestLine) => images.map(({ take }) => take ?? 0);

/** Until the manifest in the bucket shows these takes of the tee. */
async function untilStored({ shop }: Workshop, batch: string, takes: readonly number[]): Promise<void> {
  const giveUpAt = performance.now() + 60_000;
  for (;;) {
    const stored = await shop.store.get(objectKeys.manifest(batch, 'jsonl'));
    const lines = String(stored?.body ?? '')
      .split('\n')
      .filter((line) => line !== '');
    // Written by `manifestLine`.
    const tee = lines.map((line) => JSON.parse(line) as ManifestLine).find(({ shot }) => shot === 'tee');
    if (tee !== undefined && String(takesOf(tee)) === String(takes)) return;
    if (performance.now() > giveUpAt) throw new Error(`never stored: ${JSON.stringify(tee)}`);
    await delay(15);
  }
}

/** The list, delivered: two requests that are paid for. */
async function delivered(workshop: Workshop) {
  await workshop.enqueueRows(LIST, { batch: 'spring' });
  const work = await workshop.startWorker();
  await workshop.untilEnded('spring');
  return work;
}

describe('redo', () => {
  it('makes another picture, paid once, which counts when it is delivered and not before', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const work = await delivered(workshop);
    await work[Symbol.asyncDispose]();
    const before = await exported(cli, 'spring', 'mug');

    const { out, err } = await cli.run((context) =>
      redoCommand(context, 'spring', { shot: 'mug', index: 1, json: true }),
    );
    expect(JSON.parse(out)).toEqual({
      batch: expect.stringMatching(/^spring\.take1-[0-9a-f]{8}$/),
      redoOf: 'spring',
      take: 1,
      shots: 1,
      images: 1,
      requests: 1,
      estimate: { minUsd: 0.02, maxUsd: 0.02 },
    });
    expect(err).toContain('take 1, 1 picture of mug: 1 request to fal, $0.02');
    const take: Redone = JSON.parse(out);
    expect(await exported(cli, 'spring', 'mug')).toEqual(before);

    await workshop.startWorker();
    await workshop.untilEnded(take.batch);
    const after = await exported(cli, 'spring', 'mug');
    expect(takesOf(after)).toEqual([0, 1, 0]);
    expect(after.costUsd).toBe(before.costUsd);
    expect([after.images[0], after.images[2]]).toEqual([before.images[0], before.images[2]]);
    expect(after.images[1]?.original.key).not.toBe(before.images[1]?.original.key);
    expect(after.images[1]?.requestId).not.toBe(before.images[1]?.requestId);
    // The old one is kept.
    const old = before.images[1]?.original;
    expect(sha256Of(await workshop.shop.store.get(old?.key ?? ''))).toBe(old?.sha256);
    expect(takesOf(await exported(cli, take.batch, 'mug'))).toEqual([1]);
    expect(
      workshop.fal.book
        .charged()
        .map(({ images }) => images)
        .sort(),
    ).toEqual([1, 1, 3]);
    expect(await workshop.shop.journal.readHead(take.batch)).toMatchObject({ redoOf: 'spring', images: 1 });
    await expectLedgerIsBook(workshop);
    await expectMoneyAtRest(workshop, 'spring', take.batch);
  });

  it('goes on with a take that is under way when the command is repeated, and begins one more after its end', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const work = await delivered(workshop);
    await work[Symbol.asyncDispose]();

    const [one, two] = [
      await redo(cli, 'spring', { shot: 'mug,tee' }),
      await redo(cli, 'spring', { shot: 'tee,mug' }),
    ];
    expect(two).toEqual(one);
    const other = await redo(cli, 'spring', { shot: 'tee', prompt: '{{title}} on slate' });
    expect(other).toMatchObject({ take: 2 });
    expect(other.batch).not.toBe(one.batch);
    expect(await redo(cli, 'spring', { shot: 'mug,tee' })).toEqual(one);
    await workshop.startWorker();
    await workshop.untilEnded(one.batch);
    await workshop.untilEnded(other.batch);
    await expectPaidOnce(workshop, 'spring', one.batch, other.batch);

    const next = await redo(cli, 'spring', { shot: 'mug,tee' });
    expect(next).toMatchObject({ take: 3 });
    await workshop.untilEnded(next.batch);
    await expectPaidOnce(workshop, 'spring', one.batch, other.batch, next.batch);
    await expectMoneyAtRest(workshop, 'spring', one.batch, other.batch, next.batch);
    expect(takesOf(await exported(cli, 'spring', 'tee'))).toEqual([3]);
    await cli.run((context) => redoCommand(context, 'spring', { shot: 'tee', pick: 2 }));
    expect(await exported(cli, 'spring', 'tee')).toMatchObject({
      prompt: 'a tee',
      images: [{ take: 2, prompt: 'Tee on slate' }],
    });
    const words = workshop.fal.book.charged().map(({ input }) => input['prompt']);
    expect(words.filter((prompt) => prompt === 'Tee on slate')).toHaveLength(1);
  });

  it('picks an earlier take again for nothing, also over a later one that is still under way', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const work = await delivered(workshop);
    const first = await exported(cli, 'spring', 'mug');
    const one = await redo(cli, 'spring', { shot: 'mug' });
    await workshop.untilEnded(one.batch);
    const second = await exported(cli, 'spring', 'mug');
    expect(takesOf(second)).toEqual([1, 1, 1]);
    await work[Symbol.asyncDispose]();
    const pick = async (take: number, more: Partial<RedoArguments> = {}) => {
      const args = { shot: 'mug', pick: take, json: true, ...more } as const;
      const { out } = await cli.run((context) => redoCommand(context, 'spring', args));
      return JSON.parse(out);
    };

    expect(await pick(0, { index: 2 })).toEqual({
      batch: 'spring',
      take: 0,
      picked: [{ shot: 'mug', indices: [2] }],
    });
    expect(takesOf(await exported(cli, 'spring', 'mug'))).toEqual([1, 1, 0]);
    expect(await pick(0)).toMatchObject({ picked: [{ indices: [0, 1] }] });
    expect(await exported(cli, 'spring', 'mug')).toEqual(first);
    expect(await pick(0)).toMatchObject({ picked: [{ indices: [] }] });

    const later = await redo(cli, 'spring', { shot: 'mug', index: 0 });
    await expect(pick(later.take)).rejects.toThrow(
      `Take 2 of mug is not delivered: see shotlist status ${later.batch}.`,
    );
    expect(await pick(1)).toMatchObject({ picked: [{ indices: [0, 1, 2] }] });
    await workshop.startWorker();
    await workshop.untilEnded(later.batch);
    expect(await exported(cli, 'spring', 'mug')).toEqual(second);
    expect(await pick(later.take)).toMatchObject({ picked: [{ indices: [0] }] });
    expect(takesOf(await exported(cli, 'spring', 'mug'))).toEqual([2, 1, 1]);
    expect(workshop.fal.book.charged()).toHaveLength(4);
  });

  it('brings the manifest in the bucket to the take that counts', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    await delivered(workshop);
    const { batch } = await redo(cli, 'spring', { shot: 'tee' });
    await untilStored(workshop, 'spring', [1]);
    await untilStored(workshop, batch, [1]);
    await cli.run((context) => redoCommand(context, 'spring', { shot: 'tee', pick: 0 }));
    await untilStored(workshop, 'spring', [0]);
  });

  it('gives a later list the take that counts, for nothing', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    await delivered(workshop);
    const one = await redo(cli, 'spring', { shot: 'mug', index: 1 });
    await workshop.untilEnded(one.batch);
    const paid = workshop.fal.book.totalMicroUsd();
    const shown = await exported(cli, 'spring', 'mug');

    await workshop.enqueueRows(LIST, { batch: 'tomorrow' });
    await workshop.untilEnded('tomorrow');
    const later = await exported(cli, 'tomorrow', 'mug');
    expect(takesOf(later)).toEqual([0, 1, 0]);
    expect(later.images.map(({ original }) => original)).toEqual(
      shown.images.map(({ original }) => original),
    );
    // Rendered from the take, into a folder of its own.
    const delivery = await workshop.shop.journal.readDelivery({ batch: 'tomorrow', row: 0, part: 0 });
    expect(delivery?.images.map(({ original }) => original)).toEqual(
      shown.images.map(({ original }) => original),
    );

    await cli.run((context) => redoCommand(context, 'tomorrow', { shot: 'mug', pick: 0 }));
    expect(takesOf(await exported(cli, 'tomorrow', 'mug'))).toEqual([0, 0, 0]);
    expect(takesOf(await exported(cli, 'spring', 'mug'))).toEqual([0, 0, 0]);
    const two = await redo(cli, 'tomorrow', { shot: 'mug', index: 1 });
    expect(two).toMatchObject({ take: 2 });
    expect(workshop.fal.book.totalMicroUsd()).toBe(paid);
  });

  it('has the take that counts rendered by the recipe of the list that wants it', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    await delivered(workshop);
    const before = await workshop.enqueueRows(LIST.slice(1), { batch: 'shop', list: CATALOG });
    await workshop.untilEnded(before);
    const one = await redo(cli, 'spring', { shot: 'tee' });
    await workshop.untilEnded(one.batch);
    // The take has no such renditions yet.
    const own = await exported(cli, 'shop', 'tee');
    expect(takesOf(own)).toEqual([0]);

    await workshop.enqueueRows(LIST.slice(1), { batch: 'shop-2', list: CATALOG });
    await workshop.untilEnded('shop-2');
    const line = await exported(cli, 'shop-2', 'tee');
    expect(takesOf(line)).toEqual([1]);
    expect(line.images[0]?.original).toEqual((await exported(cli, 'spring', 'tee')).images[0]?.original);
    expect(line.images[0]?.renditions.map(({ key }) => key)).toContain('shop-2/tee/0-full.webp');
    const thumbs = [own, line].map(({ images }) =>
      images[0]?.renditions.find(({ name }) => name === 'thumb'),
    );
    expect(thumbs[0]?.sha256).not.toBe(thumbs[1]?.sha256);
    expect(workshop.fal.book.charged()).toHaveLength(3);
  });

  it('is finished after Redis was lost in its midst, and paid once', async () => {
    await using workshop = await openWorkshop({ fal: { latencyMs: 150 } });
    await using cli = await workshopCli(workshop);
    const work = await delivered(workshop);
    const { batch } = await redo(cli, 'spring', { shot: 'mug,tee' });
    await workshop.untilStatus(
      batch,
      ({ counts }) => counts.submitted + counts.generated + counts.delivered > 0,
    );
    await work[Symbol.asyncDispose]();
    await flush(workshop.redis);
    await rebuild(workshop);
    await workshop.startWorker();
    await workshop.untilEnded(batch);
    await expectPaidOnce(workshop, 'spring', batch);
    await expectLedgerIsBook(workshop);
    expect(takesOf(await exported(cli, 'spring', 'mug'))).toEqual([1, 1, 1]);
    expect(takesOf(await exported(cli, 'spring', 'tee'))).toEqual([1]);
    expect(await redo(cli, 'spring', { shot: 'mug,tee' })).toMatchObject({ take: 2 });
  });

  it('asks before it spends more than CONFIRM_OVER_USD, begins nothing on a no, and keeps to its cap', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop, { CONFIRM_OVER_USD: '0.01' });
    await delivered(workshop);
    await expect(redo(cli, 'spring', { shot: 'mug' })).rejects.toThrow(
      'This may cost up to $0.04, more than CONFIRM_OVER_USD ($0.01): add --yes, or --cap',
    );
    for await (const { key } of workshop.shop.store.list(objectKeys.takes))
      throw new Error(`${key} was written`);
    const { batch } = await redo(cli, 'spring', { shot: 'mug,tee', cap: 40_000 });
    const held = await workshop.untilStatus(batch, ({ state }) => state === 'held');
    expect(held.money.spentUsd).toBeLessThanOrEqual(0.04);
    expect(held.counts).toMatchObject({ held: 1 });
    expect(await redo(cli, 'spring', { shot: 'mug,tee' })).toMatchObject({ batch });
  });

  it('sends a take that failed to retry, and leaves a cancelled one behind', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const work = await delivered(workshop);
    workshop.fal.faults.add({ on: 'submit', kind: 'invalid', times: 1 });
    const one = await redo(cli, 'spring', { shot: 'tee' });
    await workshop.untilEnded(one.batch);
    await expect(redo(cli, 'spring', { shot: 'tee' })).rejects.toThrow(
      `Take 1 of this has failed: see shotlist export ${one.batch}, and try it again with shotlist retry ${one.batch}`,
    );
    expect(takesOf(await exported(cli, 'spring', 'tee'))).toEqual([0]);
    await cli.run((context) => retryCommand(context, one.batch, {}));
    await workshop.untilEnded(one.batch);
    expect(takesOf(await exported(cli, 'spring', 'tee'))).toEqual([1]);

    await work[Symbol.asyncDispose]();
    const two = await redo(cli, 'spring', { shot: 'tee' });
    await cli.run((context) => cancelCommand(context, two.batch, {}));
    await workshop.startWorker();
    await workshop.untilEnded(two.batch);
    const three = await redo(cli, 'spring', { shot: 'tee' });
    expect([one.take, two.take, three.take]).toEqual([1, 2, 3]);
    await workshop.untilEnded(three.batch);
    expect(takesOf(await exported(cli, 'spring', 'tee'))).toEqual([3]);
    expect(workshop.fal.book.charged()).toHaveLength(4);
  });

  it('makes the delivered pictures of a cancelled batch again, and sends the others to retry', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const isTee = ({ input }: FaultedRequest) => input?.['prompt'] === 'a tee';
    workshop.fal.faults.add({ on: 'submit', kind: 'invalid', when: isTee, times: 1 });
    await workshop.enqueueRows(LIST, { batch: 'spring' });
    const work = await workshop.startWorker();
    await workshop.untilEnded('spring');
    await work[Symbol.asyncDispose]();
    await expect(redo(cli, 'spring', { shot: 'mug,tee' })).rejects.toThrow(
      'tee is not delivered in spring, and only a delivered picture can be made again: see shotlist status spring, and if it failed run shotlist retry spring --shot tee.',
    );
    await cli.run((context) => retryCommand(context, 'spring', {}));
    await cli.run((context) => cancelCommand(context, 'spring', {}));
    expect(await workshop.status('spring')).toMatchObject({ state: 'cancelled' });
    expect(await redo(cli, 'spring', { shot: 'mug' })).toMatchObject({ take: 1 });
  });

  it('says what is wrong in one sentence', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    await delivered(workshop);
    const wrong = async (batch: string, args: RedoArguments) =>
      await redo(cli, batch, args).then(String, (error: Error) => error.message);
    expect(await wrong('sprng', { shot: 'mug' })).toBe('There is no batch sprng: did you mean spring?');
    expect(await wrong('spring', { shot: 'mugg,tee' })).toBe(
      'Batch spring has no shot mugg: did you mean mug?',
    );
    expect(await wrong('spring', { shot: 'mug', index: 3 })).toBe(
      'mug has 3 pictures, numbered 0 to 2: there is no --index 3.',
    );
    expect(await wrong('spring', { shot: 'tee', index: 1 })).toBe(
      'tee has one picture, number 0: there is no --index 1.',
    );
    expect(await wrong('spring', { shot: ',' })).toContain('--shot takes the ids of shots');
    expect(await wrong('spring', { shot: 'mug', pick: 1 })).toBe(
      'There is no take 1 of mug: it has only take 0.',
    );
    expect(await wrong('spring', { shot: 'mug', pick: 0, prompt: 'x' })).toContain('leave --prompt out');
    expect(await wrong('spring', { shot: 'mug', prompt: '{{titel}}' })).toContain('--prompt, for mug');
    const { batch } = await redo(cli, 'spring', { shot: 'mug' });
    await workshop.untilEnded(batch);
    expect(await wrong(batch, { shot: 'mug' })).toBe(
      `${batch} is itself a take of pictures of spring: run shotlist redo spring --shot mug.`,
    );
    expect(await wrong('spring', { shot: 'mug', pick: 4 })).toBe(
      'There is no take 4 of mug: it has the takes 0, 1.',
    );
  });
});

import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, jest } from '@jest/globals';
import { Queue } from 'bullmq';
import { exportCommand } from '../../../../src/cli/commands/export.ts';
import { retryCommand } from '../../../../src/cli/commands/retry.ts';
import { statusCommand } from '../../../../src/cli/commands/status.ts';
import { leftOfEnding } from '../../../../src/operations/follow-ending.ts';
import { silentLogger } from '../../../../src/shared/base/log.ts';
import { systemClock } from '../../../../src/shared/base/time.ts';
import { ENDINGS, type EndingStanding } from '../../../../src/shared/queues/completion-queue.ts';
import { connectionOf } from '../../../../src/shared/queues/queues.ts';
import { createEnded } from '../../../../src/shared/status/ended.ts';
import { signatureOf } from '../../../../src/worker/completion/webhook.ts';
import { openReceiver } from '../../../support/receiver.ts';
import { openWorkshop, type Workshop } from '../../../support/workshop.ts';
import { workshopCli } from '../../../support/workshop-cli.ts';

// Waits are for conditions; on a machine that is busy with other work they come to pass late.
jest.setTimeout(90_000);

const SECRET = 'a secret of the test';
const signed = { settings: { WEBHOOK_SECRET: SECRET, WEBHOOK_HOSTS: '127.0.0.1' } };
const mugs = (count: number) =>
  Array.from({ length: count }, (_, at) => ({ id: `mug-${at}`, prompt: `a mug number ${at}` }));

/** The command sees the workshop's folder under another name. */
function relative(text: string): string {
  return text.replaceAll(/[^\s",]*\/store\//g, '');
}

async function untilLeft(
  { shop }: Workshop,
  batch: string,
  fits: (left: EndingStanding | 'to-come' | undefined) => boolean,
) {
  const giveUpAt = performance.now() + 60_000;
  for (;;) {
    const left = await leftOfEnding(shop, batch);
    if (fits(left)) return left;
    if (performance.now() > giveUpAt) throw new Error(`never came to pass: ${JSON.stringify(left)}`);
    await delay(15);
  }
}

const untilToldLater = (workshop: Workshop, batch: string) =>
  untilLeft(workshop, batch, (left) => left !== undefined && left !== 'to-come' && left.state === 'later');

/** Does not wait for the back-off of the next try. */
async function promote({ redis }: Workshop): Promise<void> {
  const queue = new Queue(ENDINGS, { connection: connectionOf(redis.url), prefix: redis.prefix });
  await queue.promoteJobs();
  await queue.close();
}

describe('the manifest in the bucket', () => {
  it('is what export prints, in both formats, beside a shot that is called like it', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const rows = [
      { id: 'manifest.jsonl', prompt: 'a red mug', name: '=1+1' },
      { id: 'manifest.csv', prompt: 'a blue mug', name: 'a \u2028 line' },
    ];
    const list = { recipe: 'catalog', inputs: {} };
    const batch = await workshop.enqueueRows(rows, { list });
    await workshop.startWorker();
    await workshop.untilEnded(batch);
    await untilLeft(workshop, batch, (left) => left === undefined);
    for (const format of ['jsonl', 'csv'] as const) {
      const { out } = await cli.run((context) => exportCommand(context, batch, { format }));
      const stored = await workshop.shop.store.get(`${batch}/manifest.${format}`);
      expect(relative(String(stored?.body))).toBe(relative(out));
      expect(out.split('\n').length).toBeGreaterThan(2);
    }
    for (const { id } of rows) {
      const thumb = await workshop.shop.store.get(`${batch}/${id}/0-thumb.jpg`);
      expect(thumb?.body.length).toBeGreaterThan(1_000);
    }
  });

  it('is written again when the money of an ended batch was corrected, and nobody is told', async () => {
    await using workshop = await openWorkshop(signed);
    await using receiver = await openReceiver();
    const batch = await workshop.enqueueRows(mugs(1), { onDone: receiver.url });
    await workshop.startWorker();
    await receiver.until(1);
    await untilLeft(workshop, batch, (left) => left === undefined);
    await workshop.shop.store.put(`${batch}/manifest.csv`, Buffer.from('old'), { contentType: 'text/csv' });
    await workshop.shop.ended(batch);
    const giveUpAt = performance.now() + 60_000;
    let text = 'old';
    while (text === 'old' && performance.now() < giveUpAt) {
      text = String((await workshop.shop.store.get(`${batch}/manifest.csv`))?.body);
      await delay(15);
    }
    expect(text).toMatch(/^"id","prompt","status"/);
    expect(receiver.received).toHaveLength(1);
  });
});

describe('the webhook of --on-done', () => {
  it('tells the end, signed, with the address of a manifest that is there', async () => {
    await using workshop = await openWorkshop(signed);
    await using receiver = await openReceiver();
    const batch = await workshop.enqueueRows(mugs(2), { onDone: `${receiver.url}/hooks?key=hidden` });
    await workshop.startWorker();
    const [hook] = await receiver.until(1);
    const status = await workshop.untilEnded(batch);
    expect(hook).toMatchObject({
      method: 'POST',
      path: '/hooks?key=hidden',
      headers: { 'content-type': 'application/json' },
    });
    const told = JSON.parse(hook?.body ?? '');
    expect(told).toMatchObject({ event: 'batch.ended', batch, status, simulated: true });
    expect(told.id).toBe(`${batch}-${Date.parse(told.endedAt)}`);
    expect(await readFile(told.manifest.csv.url, 'utf8')).toContain('mug-1');
    const manifest = (await workshop.shop.store.get(told.manifest.jsonl.key))?.body.toString() ?? '';
    expect(
      manifest
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).shot),
    ).toEqual(['mug-0', 'mug-1']);
    const header = String(hook?.headers['shotlist-signature']);
    const atMs = Number(/^t=(\d+),/.exec(header)?.[1]) * 1_000;
    expect(Math.abs(atMs - Date.now())).toBeLessThan(60_000);
    expect(header).toBe(signatureOf(hook?.body ?? '', { secret: SECRET, atMs }));
  });

  it('comes again with the same id after a failure, and no more after it was taken', async () => {
    await using workshop = await openWorkshop(signed);
    await using cli = await workshopCli(workshop);
    await using receiver = await openReceiver();
    receiver.answer(500, 429);
    const batch = await workshop.enqueueRows(mugs(1), { onDone: `${receiver.url}/secret-path` });
    await workshop.startWorker();
    for (const status of [500, 429]) {
      expect(await untilToldLater(workshop, batch)).toMatchObject({
        kind: 'tell',
        reason: `${receiver.url} answered ${status}`,
      });
      const { out } = await cli.run((context) => statusCommand(context, batch, {}));
      expect(out).toContain(`is not delivered yet (last: ${receiver.url} answered ${status})`);
      expect(out).not.toContain('secret-path');
      const before = receiver.received.length;
      await promote(workshop);
      await receiver.until(before + 1);
    }
    await untilLeft(workshop, batch, (left) => left === undefined);
    await workshop.sweep();
    expect(await leftOfEnding(workshop.shop, batch)).toBeUndefined();
    expect(new Set(receiver.received.map(({ body }) => JSON.parse(body).id)).size).toBe(1);
    expect(receiver.received).toHaveLength(3);
  });

  it.each([
    ['an answer of 410', 410, 'answered 410'],
    ['an answer of 404', 404, 'answered 404'],
  ])('is given up at %s, and status says so', async (_, answer, reason) => {
    await using workshop = await openWorkshop(signed);
    await using cli = await workshopCli(workshop);
    await using receiver = await openReceiver();
    receiver.answer(answer);
    const batch = await workshop.enqueueRows(mugs(1), { onDone: receiver.url });
    await workshop.startWorker();
    const left = await untilLeft(
      workshop,
      batch,
      (one) => typeof one === 'object' && one.state === 'given-up',
    );
    expect(left).toMatchObject({ kind: 'tell', reason: expect.stringContaining(reason) });
    const { out } = await cli.run((context) => statusCommand(context, batch, {}));
    expect(out).toContain(`The webhook of ${batch} was given up (last: ${receiver.url} ${reason})`);
    expect(receiver.received).toHaveLength(1);
  });

  it('follows no redirect', async () => {
    await using workshop = await openWorkshop(signed);
    await using receiver = await openReceiver();
    receiver.answer(`${receiver.url}/elsewhere`);
    const batch = await workshop.enqueueRows(mugs(1), { onDone: `${receiver.url}/here` });
    await workshop.startWorker();
    expect(await untilToldLater(workshop, batch)).toMatchObject({ reason: `${receiver.url} answered 302` });
    expect(receiver.received.map(({ path }) => path)).toEqual(['/here']);
  });

  it('waits, unsent, while no worker has the secret to sign with', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    await using receiver = await openReceiver();
    const batch = await workshop.enqueueRows(mugs(1), { onDone: receiver.url });
    await workshop.startWorker();
    expect(await untilToldLater(workshop, batch)).toEqual({
      kind: 'tell',
      state: 'later',
      reason: undefined,
    });
    const { out } = await cli.run((context) => statusCommand(context, batch, {}));
    expect(out).toContain(`The webhook of ${batch} waits for a worker that has WEBHOOK_SECRET.`);
    expect(receiver.received).toEqual([]);
  });

  it('tells each end of a batch that was tried again, with ids of their own', async () => {
    await using workshop = await openWorkshop(signed);
    await using cli = await workshopCli(workshop);
    await using receiver = await openReceiver();
    workshop.fal.faults.add({ on: 'submit', kind: 'invalid', times: 1 });
    const batch = await workshop.enqueueRows(mugs(2), { onDone: receiver.url });
    await workshop.startWorker();
    await receiver.until(1);
    await untilLeft(workshop, batch, (left) => left === undefined);
    await cli.run((context) => retryCommand(context, batch, {}));
    await receiver.until(2);
    const told = receiver.received.map(({ body }) => JSON.parse(body));
    expect(told.map(({ status }) => status.counts.failed)).toEqual([1, 0]);
    expect(told[1].id).not.toBe(told[0].id);
    const lines = String((await workshop.shop.store.get(`${batch}/manifest.jsonl`))?.body);
    expect(lines).not.toContain('"failed"');
  });

  it('is told though the worker died between the summary, its job and the mark that it was summed up', async () => {
    await using workshop = await openWorkshop(signed);
    await using receiver = await openReceiver();
    const { shop } = workshop;
    const batch = await workshop.enqueueRows(mugs(1), { onDone: receiver.url, cap: 0 });
    // Nothing is worked on yet: the end is a person's.
    const died = new Error('the worker died');
    const dying = (where: 'job' | 'mark') =>
      createEnded({
        ...shop,
        follow: async (ending) => {
          if (where === 'job') throw died;
          await shop.queues.addEnding(ending);
        },
        // A proxy would lose the private fields.
        batches: Object.assign(Object.create(shop.batches), {
          read: (name: string) => shop.batches.read(name),
          summarized: () => Promise.reject(died),
        }),
        ttlH: 1,
        clock: systemClock,
        log: silentLogger,
      });
    await shop.batches.setWord(batch, 'cancelled');
    for await (const _ of shop.records.cancelWaiting(batch));
    await expect(dying('job')(batch)).rejects.toBe(died);
    expect(await leftOfEnding(shop, batch)).toBe('to-come');
    await expect(dying('mark')(batch)).rejects.toBe(died);
    await expect(dying('mark')(batch)).rejects.toBe(died);
    expect(await leftOfEnding(shop, batch)).toMatchObject({ kind: 'manifest', state: 'waiting' });
    await workshop.sweep();
    await workshop.startWorker();
    const [hook] = await receiver.until(1);
    expect(JSON.parse(hook?.body ?? '')).toMatchObject({ batch, status: { state: 'cancelled' } });
    await untilLeft(workshop, batch, (left) => left === undefined);
    expect(receiver.received).toHaveLength(1);
  });
});

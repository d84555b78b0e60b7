import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { openShop } from '../../../../src/app/open-services.ts';
import { silentLogger } from '../../../../src/shared/base/log.ts';
import { REDIS_LOST } from '../../../../src/shared/requests/redis-continuity.ts';
import { expectLedgerIsBook, expectMoneyAtRest, expectPaidOnce } from '../../../support/accounts.ts';
import { until } from '../../../support/fal.ts';
import { flush, rebuild, snapshot } from '../../../support/lost-redis.ts';
import { openWorkshop, type Workshop } from '../../../support/workshop.ts';

const QUICK = {
  settings: { FAL_START_TIMEOUT_S: '2', FAL_UNKNOWN_MARGIN_S: '1' },
  postWindowMs: 1_000,
} as const;

const shots = (count: number, of: string = randomBytes(3).toString('hex')) =>
  Array.from({ length: count }, (_, at) => ({ id: `${of}-${at}`, prompt: `a ${of} number ${at}` }));

const stopOf = ({ shop }: Workshop) => shop.batches.stopped();

/** A process of its own: it remembers nothing of what this test's workers saw. */
async function another({ stack, config }: Workshop) {
  return await openShop(stack, config, silentLogger);
}

describe('a Redis that forgot', () => {
  it('stops all submits when it went back in time, before anything is sent a second time; a rebuild goes on', async () => {
    await using workshop = await openWorkshop({
      ...QUICK,
      fal: { seed: 'rollback', slots: 4, latencyMs: 30 },
    });
    const batch = await workshop.enqueueRows(shots(24, 'cup'));
    await workshop.startWorker();
    await workshop.untilStatus(batch, ({ counts }) => counts.delivered >= 3);
    const before = await snapshot(workshop.redis);
    await workshop.untilStatus(batch, ({ counts }) => counts.delivered >= 12);
    await before.restore();

    await until(
      () => stopOf(workshop),
      (stop) => stop?.code === 'redis_lost',
    );
    const sent = workshop.fal.book.entries().length;
    expect(await workshop.status(batch)).toMatchObject({
      state: 'held',
      heldReason: expect.stringContaining('shotlist rebuild'),
    });
    await rebuild(workshop);
    await workshop.untilEnded(batch, 40_000);

    expect(workshop.fal.book.entries().length).toBeGreaterThanOrEqual(sent);
    await expectPaidOnce(workshop, batch);
    await expectLedgerIsBook(workshop);
    await expectMoneyAtRest(workshop, batch);
  }, 70_000);

  it('is not taken for sound because others have counted past what was lost', async () => {
    await using workshop = await openWorkshop(QUICK);
    const { records, memory } = workshop.shop;
    await workshop.enqueueRows(shots(3, 'cup'), { batch: 'b' });
    await memory.open();
    const take = { shotKey: 'a'.repeat(32), indices: [0], price: 10 };
    const before = await snapshot(workshop.redis);
    expect(await records.transition('reserve', { request: 'b.0.0', take })).toMatchObject({ code: 'ok' });
    await before.restore();
    await using other = await another(workshop);
    await other.memory.open();
    for (const request of ['b.1.0', 'b.2.0']) {
      await other.records.transition('reserve', {
        request,
        take: { ...take, shotKey: `${request}`.padEnd(32, '0') },
      });
    }

    const refused = await records.transition('reserve', { request: 'b.0.0', take });

    expect(refused).toEqual({ code: 'lost' });
    // And it stays so, though the other goes on counting.
    expect(await memory.look()).toBe('lost');
  });

  it('is not gone on with by a process that lost no step of its own, after one whose steps are gone has ended', async () => {
    await using workshop = await openWorkshop(QUICK);
    const { records, memory } = workshop.shop;
    await workshop.enqueueRows(shots(2, 'cup'), { batch: 'b' });
    await memory.open();
    await using other = await another(workshop);
    await other.memory.open();
    const take = { shotKey: 'a'.repeat(32), indices: [0], price: 10 };
    const before = await snapshot(workshop.redis);
    await records.transition('reserve', { request: 'b.0.0', take });
    // Each two seconds; it has taken no step itself.
    expect(await other.memory.look()).toBe('sound');
    await before.restore();

    // The very picture that the one that has ended may be paying for.
    const refused = await other.records.transition('reserve', { request: 'b.1.0', take });

    expect(refused).toEqual({ code: 'lost' });
    expect(await other.memory.look()).toBe('lost');
  });

  it('is gone on with by processes that take steps by turns', async () => {
    await using workshop = await openWorkshop(QUICK);
    await workshop.enqueueRows(shots(2, 'cup'), { batch: 'b' });
    await using other = await another(workshop);
    const both = [workshop.shop, other];
    for (const { memory } of both) await memory.open();
    const codes: string[] = [];
    for (const name of ['reserve', 'release', 'reserve', 'release'] as const) {
      for (const [row, { records }] of both.entries()) {
        const take = { shotKey: `${row}`.repeat(32), indices: [0], price: 10 };
        const { code } = await records.transition(name, { request: `b.${row}.0`, take });
        codes.push(code);
      }
    }

    expect(codes).toEqual(Array.from({ length: 8 }, () => 'ok'));
    expect(await Promise.all(both.map(({ memory }) => memory.look()))).toEqual(['sound', 'sound']);
  });

  it('refuses the last check before the POST when Redis forgot the reservation of another request', async () => {
    await using workshop = await openWorkshop(QUICK);
    const { records, memory } = workshop.shop;
    await workshop.enqueueRows(shots(2, 'cup'), { batch: 'b' });
    await memory.open();
    const take = (of: string) => ({ shotKey: of.repeat(32), indices: [0], price: 10 });
    await records.transition('reserve', { request: 'b.0.0', take: take('a') });
    const before = await snapshot(workshop.redis);
    await records.transition('reserve', { request: 'b.1.0', take: take('b') });
    await before.restore();

    expect(await records.transition('confirm', { request: 'b.0.0' })).toEqual({ code: 'lost' });
  });

  it('is refused at the start when it is empty and the store has work that is not done', async () => {
    await using workshop = await openWorkshop(QUICK);
    await workshop.enqueueRows(shots(2, 'cup'));
    await workshop.shop.memory.open();
    await flush(workshop.redis);
    await using later = await another(workshop);

    await expect(later.memory.open()).rejects.toThrow(/is empty.*Run shotlist rebuild/);
  });

  it('is taken as new when it is empty and nothing is under way, with what was spent this month', async () => {
    await using workshop = await openWorkshop(QUICK);
    const batch = await workshop.enqueueRows(shots(2, 'cup'));
    await workshop.startWorker();
    await workshop.untilEnded(batch);
    await until(
      () => workshop.shop.journal.readSummary(batch),
      (summary) => summary !== undefined,
    );
    await flush(workshop.redis);
    await using later = await another(workshop);

    await later.memory.open();

    const [key = ''] = await workshop.redis.client.keys(`${workshop.redis.prefix}:money:month:*`);
    expect(await workshop.redis.client.hget(key, 's')).toBe(String(workshop.fal.book.totalMicroUsd()));
  }, 30_000);

  it('is refused at the start when a backup was put back and no worker remembers', async () => {
    await using workshop = await openWorkshop(QUICK);
    const batch = await workshop.enqueueRows(shots(6, 'cup'));
    // Before the first step, so that the backup lacks some, however quick the worker is.
    await workshop.shop.memory.open();
    const backup = await snapshot(workshop.redis);
    const first = await workshop.startWorker();
    await workshop.untilEnded(batch);
    // Each minute, and at a worker's end where the store is quick enough.
    await workshop.shop.memory.mark();
    await first[Symbol.asyncDispose]();
    await backup.restore();
    await using later = await another(workshop);

    await expect(later.memory.open()).rejects.toThrow(/went back in time/);
  }, 30_000);

  it('is refused when it comes from before a rebuild', async () => {
    await using workshop = await openWorkshop(QUICK);
    await workshop.enqueueRows(shots(2, 'cup'));
    await workshop.shop.memory.open();
    const old = await snapshot(workshop.redis);
    await rebuild(workshop);
    await old.restore();
    await using later = await another(workshop);

    await expect(later.memory.open()).rejects.toThrow(/went back in time/);
  });

  it('begins one life however many workers begin at once', async () => {
    await using workshop = await openWorkshop(QUICK);
    const shops = await Promise.all(Array.from({ length: 6 }, () => another(workshop)));

    await Promise.all(shops.map(({ memory }) => memory.open()));

    expect(new Set(shops.map(({ memory }) => memory.life())).size).toBe(1);
    for (const shop of shops) {
      expect(await shop.memory.look()).toBe('sound');
      await shop[Symbol.asyncDispose]();
    }
    expect(REDIS_LOST.reason).toContain('shotlist rebuild');
  });
});

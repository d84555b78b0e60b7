import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { rebuildDepsOf } from '../../../../src/cli/commands/rebuild.ts';
import { resumeAll } from '../../../../src/operations/batches.ts';
import { rebuildAll } from '../../../../src/operations/rebuild/rebuild.ts';
import { Journal } from '../../../../src/shared/journal/journal.ts';
import { expectLedgerIsBook, expectMoneyAtRest, expectPaidOnce } from '../../../support/accounts.ts';
import { flush, rebuild } from '../../../support/lost-redis.ts';
import { openWorkshop } from '../../../support/workshop.ts';

const QUICK = {
  settings: { FAL_START_TIMEOUT_S: '2', FAL_UNKNOWN_MARGIN_S: '1' },
  postWindowMs: 1_000,
} as const;

const shots = Array.from({ length: 10 }, (_, at) => ({ id: `cup-${at}`, prompt: `a cup number ${at}` }));

describe('a rebuild that another one has replaced', () => {
  it('writes nothing over what has gone on since: no money stays reserved, and nothing is paid twice', async () => {
    await using workshop = await openWorkshop({
      ...QUICK,
      fal: { seed: 'frozen', slots: 2, latencyMs: 100 },
    });
    const batch = await workshop.enqueueRows(shots);
    await workshop.startWorker();
    await workshop.untilStatus(batch, ({ counts }) => counts.delivered >= 2);
    await flush(workshop.redis);
    const frozen = frozenAtTheLedger(workshop);
    await frozen.reached;

    await rebuild(workshop);
    await workshop.untilStatus(batch, ({ counts }) => counts.delivered >= 4);
    frozen.goOn();
    await expect(frozen.rebuilding).rejects.toMatchObject({ code: 'superseded' });

    await workshop.untilEnded(batch, 40_000);
    await expectPaidOnce(workshop, batch);
    await expectLedgerIsBook(workshop);
    await expectMoneyAtRest(workshop, batch);
  }, 90_000);

  it('leaves a person who resumes with the word to rebuild, as long as only that can help', async () => {
    await using workshop = await openWorkshop(QUICK);
    const { batches, endpointStops, journal, queues } = workshop.shop;
    await workshop.enqueueRows(shots);
    await flush(workshop.redis);
    const frozen = frozenAtTheLedger(workshop);
    await frozen.reached;

    const resuming = resumeAll({
      batches,
      endpointStops,
      journal,
      pauseSubmits: () => queues.pauseGenerate(),
      resumeSubmits: () => queues.resumeGenerate(),
      catchUp: async () => ({ finished: true, requests: 0 }),
      eventId: () => randomBytes(6).toString('hex'),
      clock: Date.now,
    });

    await expect(resuming).rejects.toThrow(/shotlist rebuild/);
    expect(await batches.stopped()).toMatchObject({ code: 'rebuild' });
    frozen.goOn();
    await frozen.rebuilding;
    expect(await batches.stopped()).toBeUndefined();
  }, 30_000);
});

describe('while everything is rebuilt', () => {
  it('a list that is being queued breaks off, and is whole when it is queued again', async () => {
    await using workshop = await openWorkshop(QUICK);
    const frozen = frozenAtTheLedger(workshop);
    await frozen.reached;

    await expect(workshop.enqueueRows(shots, { batch: 'cups' })).rejects.toThrow(
      /run the same command again/,
    );
    // As one that had come to its last step before Redis was wiped.
    expect(await workshop.shop.batches.complete('bowls')).toBe(false);
    expect(await workshop.redis.client.exists(`${workshop.redis.prefix}:batch:bowls`)).toBe(0);
    frozen.goOn();
    await frozen.rebuilding;

    await workshop.enqueueRows(shots, { batch: 'cups' });
    expect(await workshop.status('cups')).toMatchObject({
      state: 'running',
      counts: { planned: shots.length },
    });
  }, 30_000);

  it('a batch that a person cancels stays cancelled, whatever had been read of it', async () => {
    await using workshop = await openWorkshop(QUICK);
    const { shop, redis, config } = workshop;
    const batch = await workshop.enqueueRows(shots);
    const gate = new EventEmitter();
    const reached = once(gate, 'reached');
    const goesOn = once(gate, 'goes-on');
    const journal = new (class extends Journal {
      override async events(...asked: Parameters<Journal['events']>) {
        const events = await super.events(...asked);
        gate.emit('reached');
        await goesOn;
        return events;
      }
    })({ store: shop.store });
    const deps = rebuildDepsOf(shop, { prefix: redis.prefix, ttlH: config.recordTtlH }, () => undefined);
    const rebuilding = rebuildAll({ ...deps, journal }, AbortSignal.timeout(20_000));
    await reached;

    // The command had looked at the batch before Redis was wiped.
    await shop.journal.writeEvent(batch, { kind: 'cancel', at: Date.now() }, 'person');
    await shop.batches.setWord(batch, 'cancelled');
    gate.emit('goes-on');
    await rebuilding;

    expect(await workshop.status(batch)).toMatchObject({
      state: 'cancelled',
      counts: { planned: 0, cancelled: shots.length },
    });
  }, 30_000);
});

/** Redis is wiped by then, and nothing restored. */
function frozenAtTheLedger({ shop, redis, config }: Awaited<ReturnType<typeof openWorkshop>>) {
  const deps = rebuildDepsOf(shop, { prefix: redis.prefix, ttlH: config.recordTtlH }, () => undefined);
  const gate = new EventEmitter();
  const reached = once(gate, 'reached');
  const goesOn = once(gate, 'goes-on');
  const rebuilding = rebuildAll(
    {
      ...deps,
      async *ledger(from, signal) {
        yield* deps.ledger(from, signal);
        gate.emit('reached');
        await goesOn;
      },
    },
    AbortSignal.timeout(60_000),
  );
  // Until somebody waits for it.
  rebuilding.catch(() => undefined);
  return { rebuilding, reached, goOn: () => gate.emit('goes-on') };
}

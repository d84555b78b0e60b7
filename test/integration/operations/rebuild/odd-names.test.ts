import { describe, expect, it } from '@jest/globals';
import { rebuildCommand } from '../../../../src/cli/commands/rebuild.ts';
import { JOURNAL, objectKeys } from '../../../../src/shared/store/keys.ts';
import { expectMoneyAtRest, expectPaidOnce } from '../../../support/accounts.ts';
import { logLines } from '../../../support/log-lines.ts';
import { flush } from '../../../support/lost-redis.ts';
import { openWorkshop, type Workshop } from '../../../support/workshop.ts';
import { workshopCli } from '../../../support/workshop-cli.ts';

const JSON_TYPE = { contentType: 'application/json' } as const;
const FAR = '99999999999999';
const rows = (of: string) => [0, 1].map((at) => ({ id: `${of}-${at}`, prompt: `a ${of} number ${at}` }));

async function put({ shop }: Workshop, key: string, body = 'not JSON'): Promise<void> {
  await shop.store.putOnce(key, Buffer.from(body), JSON_TYPE);
}

/** Names that this program would not write, below every prefix that is listed. */
const strays = (batch: string) => [
  `${objectKeys.lives}${FAR}-deadbeef.json`,
  `${objectKeys.houseEvents}zzzz.json`,
  `${objectKeys.houseEvents}${FAR}-pause.json`,
  `${JOURNAL}batches/zzzz.json`,
  ...['events', 'failed', 'delivered', 'intents', 'rounds', 'ids', 'plan'].map(
    (folder) => `${objectKeys.batchFolder(batch)}${folder}/zzzz.json`,
  ),
  `${objectKeys.takes}zzzz.json`,
  `${objectKeys.schedules}zzzz.json`,
  `${objectKeys.catalog('test')}zzzz.json`,
  `${objectKeys.ledger}zzzz.json`,
  `${objectKeys.adjustments}zzzz.json`,
  `${objectKeys.orphans}zzzz.txt`,
  `${JOURNAL}marks/zzzz.json`,
  `${JOURNAL}ids/zzzz.json`,
  `${JOURNAL}results/zzzz.json`,
  `${JOURNAL}recipes/zzzz.json`,
  `${JOURNAL}zzzz.json`,
];

describe('a name in the store that is none of ours', () => {
  it('stops no rebuild, no worker and no list, below whichever prefix it lies', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    await workshop.enqueueRows(rows('cup'), { batch: 'cups' });
    for (const key of strays('cups')) await put(workshop, key);
    await flush(workshop.redis);

    await cli.run((context) => rebuildCommand(context, undefined, {}));
    expect(await workshop.shop.batches.stopped()).toBeUndefined();
    await workshop.enqueueRows(rows('jug'), { batch: 'jugs' });
    await workshop.startWorker();
    expect(await workshop.untilEnded('cups')).toMatchObject({ counts: { delivered: 2 } });
    expect(await workshop.untilEnded('jugs')).toMatchObject({ counts: { delivered: 2 } });
    await expectPaidOnce(workshop, 'cups', 'jugs');
    await expectMoneyAtRest(workshop, 'cups', 'jugs');
  });

  it('is reported once', async () => {
    const { log, lines } = logLines();
    await using workshop = await openWorkshop({ log });
    const key = `${objectKeys.lives}${FAR}-deadbeef.json`;
    await put(workshop, key);
    await workshop.shop.memory.open();
    await workshop.shop.journal.newestLife();
    expect(lines.filter((line) => line['key'] === key)).toHaveLength(1);
  });
});

describe('a life of Redis far in the future', () => {
  it('in the store is none of ours, and the next rebuild begins a life of today', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const { memory, journal, redis } = workshop.shop;
    await put(workshop, `${objectKeys.lives}${FAR}-deadbeef.json`, '{}');
    await memory.open();
    const life = memory.life() ?? '';
    expect(Number(life.slice(0, 14))).toBeLessThan(Date.now() + 60_000);

    // As a release wrote it that believed such a name.
    await redis.hset(`${workshop.stack.prefix}:memory`, 'life', '100000000000000-deadbeef');
    await expect(memory.open()).rejects.toThrow('shotlist rebuild');
    await cli.run((context) => rebuildCommand(context, undefined, {}));
    await memory.open();
    expect(memory.life()).toBe(await journal.newestLife());
    expect(memory.life()).toMatch(/^\d{14}-[0-9a-f]{8}$/);
  });
});

describe('a count of Redis that cannot be read', () => {
  it.each(['in the store', 'in Redis'])('%s asks for a rebuild, which begins it again', async (where) => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const { memory, journal, redis, store } = workshop.shop;
    await workshop.enqueueRows(rows('cup'), { batch: 'cups' });
    await memory.open();
    const mark = objectKeys.mark((await journal.newestLife()) ?? '');
    if (where === 'in Redis') await redis.hset(`${workshop.stack.prefix}:memory`, 'tick', 'many');
    else await store.put(mark, Buffer.from('not JSON'), JSON_TYPE);
    await expect(memory.open()).rejects.toMatchObject({ code: 'redis_lost' });
    await cli.run((context) => rebuildCommand(context, undefined, {}));
    await memory.open();
    expect(await workshop.status('cups')).toMatchObject({ state: 'running', counts: { planned: 2 } });
  });
});

describe('a word on all submits that cannot be read', () => {
  it('keeps them paused after a rebuild, until a user resumes', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    await workshop.enqueueRows(rows('cup'), { batch: 'cups' });
    await put(workshop, objectKeys.houseEvent(Date.now(), 'garbled'));
    await flush(workshop.redis);
    const { err } = await cli.run((context) => rebuildCommand(context, undefined, {}));
    expect(err).toContain('shotlist resume');
    expect(await workshop.shop.batches.stopped()).toMatchObject({ code: 'operator' });
    expect(await workshop.status('cups')).toMatchObject({ counts: { planned: 2 } });
  });
});

describe('a batch that cannot be read from the store', () => {
  it('and that sent nothing is reported by a rebuild and left, and the others are restored', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    for (const batch of ['bowls', 'cups', 'jugs', 'mugs']) await workshop.enqueueRows(rows(batch), { batch });
    const garbled = [
      objectKeys.head('bowls'),
      objectKeys.event('cups', Date.now(), 'garbled'),
      objectKeys.planChunk('jugs', 0),
    ];
    for (const key of garbled)
      await workshop.shop.store.put(key, Buffer.from('not JSON'), { ...JSON_TYPE, cacheControl: 'no-cache' });
    await flush(workshop.redis);

    const { out, err } = await cli.run((context) => rebuildCommand(context, undefined, { json: true }));

    expect(JSON.parse(out)).toMatchObject({ batches: ['mugs'], requests: 2, planned: 2 });
    for (const batch of ['bowls', 'cups', 'jugs']) {
      expect(err).toContain(`${batch} is left as it is`);
      expect(await workshop.shop.batches.read(batch)).toBeUndefined();
    }
    expect(await workshop.shop.batches.stopped()).toBeUndefined();
  });

  it('and that may have something at fal keeps all submits stopped, until it is restored', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    await workshop.enqueueRows(rows('cup'), { batch: 'cups' });
    await put(workshop, `${objectKeys.intents('cups')}0.0-0.json`);
    await put(workshop, objectKeys.event('cups', Date.now(), 'garbled'));
    await flush(workshop.redis);
    await expect(cli.run((context) => rebuildCommand(context, undefined, {}))).rejects.toThrow(
      /garbled.*Requests of cups may be at fal.*shotlist rebuild again/s,
    );
    expect(await workshop.shop.batches.stopped()).toMatchObject({ code: 'rebuild' });
  });
});

describe('a failure that cannot be read', () => {
  it('is reported by a rebuild, which looks for no picture by it and goes on', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    await workshop.enqueueRows(rows('cup'), { batch: 'cups' });
    await put(workshop, `${objectKeys.failures('cups')}0.0-0.json`);
    await flush(workshop.redis);
    const { err } = await cli.run((context) => rebuildCommand(context, undefined, {}));
    expect(err).toContain('no paid picture is looked for by it');
    expect(await workshop.status('cups')).toMatchObject({ counts: { planned: 1, failed: 1 } });
  });
});

describe('a charge without a request that cannot be read', () => {
  it('ends a rebuild, which says how to mend it: no cap may leave it out', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    await put(workshop, objectKeys.orphan('a-garbled-one'));
    await flush(workshop.redis);
    await expect(cli.run((context) => rebuildCommand(context, undefined, {}))).rejects.toThrow(
      /a-garbled-one.*or delete it: shotlist reconcile writes it again/,
    );
  });
});

describe('an intent that cannot be read', () => {
  it('keeps its request alone unknown after a rebuild, with its price reserved and its picture claimed', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const { records, batches } = workshop.shop;
    await workshop.enqueueRows(rows('cup'), { batch: 'cups' });
    await put(workshop, `${objectKeys.intents('cups')}0.0-0.json`);
    await flush(workshop.redis);

    const { err } = await cli.run((context) => rebuildCommand(context, undefined, {}));
    expect(err).toContain('cups.0.0 stays unknown');
    const record = await records.read('cups.0.0');
    expect(record).toMatchObject({ state: 'unknown' });
    expect((await batches.read('cups'))?.reserved).toBe(record?.reserved);
    expect(record?.reserved).toBeGreaterThan(0);

    await workshop.startWorker();
    await workshop.untilStatus('cups', ({ counts }) => counts.delivered === 1);
    expect(await records.read('cups.0.0')).toMatchObject({ state: 'unknown' });
    expect(workshop.fal.book.entries()).toHaveLength(1);
  });
});

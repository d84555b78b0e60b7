import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { rebuildCommand } from '../../../../src/cli/commands/rebuild.ts';
import { runDue, runNow } from '../../../../src/producer/schedules/run.ts';
import { batchOf } from '../../../../src/producer/schedules/schedule.ts';
import { syncSchedules } from '../../../../src/producer/schedules/sync.ts';
import { UnavailableError } from '../../../../src/shared/base/errors.ts';
import { silentLogger } from '../../../../src/shared/base/log.ts';
import type { Rule } from '../../../../src/shared/queues/due-times.ts';
import { flush } from '../../../support/lost-redis.ts';
import { LIST, openScheduling, type Scheduling } from '../../../support/scheduling.ts';
import { workshopCli } from '../../../support/workshop-cli.ts';

const HOUR_MS = 3_600_000;

/** People have a minute at least; a test has no such patience. */
function eachSecond(): Rule {
  return { kind: 'every', everyMs: 1_000, anchorMs: Math.floor(Date.now() / 1_000) * 1_000 };
}

/** Due six times in the last six hours, for the last time half an hour ago, and in half an hour. */
function eachHour(): { readonly rule: Rule; readonly lastDueMs: number; readonly addedMs: number } {
  const lastDueMs = Math.floor(Date.now() / 1_000) * 1_000 - HOUR_MS / 2;
  const anchorMs = lastDueMs - 100 * HOUR_MS;
  return { rule: { kind: 'every', everyMs: HOUR_MS, anchorMs }, lastDueMs, addedMs: lastDueMs - 6 * HOUR_MS };
}

const sync = ({ schedules, queue }: Scheduling) =>
  syncSchedules({ schedules, queue, clock: Date.now, log: silentLogger });

const never = new AbortController().signal;

describe('a schedule', () => {
  it('queues its list as a batch of its own whenever it is due, whatever number of workers there are', async () => {
    await using one = await openScheduling();
    await one.add({ name: 'tick', rule: eachSecond() }, Date.now());
    await one.startWorker();
    await one.startWorker();
    const runs = await one.untilRuns('tick', (found) => found.length >= 3);
    for (const { due, outcome, batch } of runs)
      expect({ outcome, batch }).toEqual({ outcome: 'queued', batch: batchOf('tick', due) });
    const batches = await one.workshop.shop.batches.list();
    expect(batches).toEqual(expect.arrayContaining(runs.map(({ batch }) => batch)));
    const status = await one.workshop.status(runs[0]?.batch ?? '');
    expect(status).toMatchObject({ counts: { planned: 1 }, money: { capUsd: 1 } });
  });

  it('that was missed many times is caught up once, as the batch of the last time', async () => {
    await using one = await openScheduling();
    const { rule, lastDueMs, addedMs } = eachHour();
    await one.add({ name: 'hourly', rule }, addedMs);
    await one.startWorker();
    await one.untilRuns('hourly', (found) => found.length === 1);
    await one.startWorker();
    await sync(one);
    expect(await one.runs('hourly')).toMatchObject([{ due: lastDueMs, batch: batchOf('hourly', lastDueMs) }]);
    expect(await one.workshop.shop.batches.list()).toEqual([batchOf('hourly', lastDueMs)]);
  });

  it('that rang once while no worker was there runs when there is one', async () => {
    await using one = await openScheduling();
    const dueMs = Math.floor(Date.now() / 1_000) * 1_000 + 2_000;
    const rule: Rule = { kind: 'every', everyMs: HOUR_MS, anchorMs: dueMs - HOUR_MS };
    await one.add({ name: 'hourly', rule }, Date.now());
    await sync(one);
    while (Date.now() <= dueMs) await delay(50);
    await one.startWorker();
    expect(await one.untilRuns('hourly', (found) => found.length === 1)).toMatchObject([{ due: dueMs }]);
  });

  it('that rang often while no worker was there runs once, for the last of those times', async () => {
    await using one = await openScheduling();
    const rule = eachSecond();
    await one.add({ name: 'tick', rule }, Date.now());
    await sync(one);
    const firstMs = Date.now();
    while (Date.now() < firstMs + 3_500) await delay(50);
    const startedMs = Date.now();
    await one.startWorker();
    const [first] = await one.untilRuns('tick', (found) => found.length >= 1);
    // The bell of the first second rings late, and stands for all until then.
    expect(first?.due).toBeGreaterThan(startedMs - 1_000);
  });

  it('is not caught up from before it was added, changed or resumed', async () => {
    await using one = await openScheduling();
    const { rule, lastDueMs, addedMs } = eachHour();
    await one.add({ name: 'hourly', rule }, addedMs);
    await one.schedules.writeEvent('hourly', { kind: 'pause', at: addedMs + 1 }, 'b');
    await one.schedules.writeEvent('hourly', { kind: 'resume', at: lastDueMs + 1 }, 'c');
    expect(await sync(one)).toEqual({ active: 1, restored: ['hourly'] });
    expect(await one.queue.standing()).toEqual([{ name: 'hourly', rule, isAlive: true }]);
    const ring = { name: 'hourly', dueMs: lastDueMs, isRepeat: false };
    expect(await runDue(ring, never, one.runDeps)).toBeUndefined();
    expect(await one.runs('hourly')).toEqual([]);
  });

  it('that is paused or removed does not run, though its bell may ring', async () => {
    await using one = await openScheduling();
    const { rule, lastDueMs, addedMs } = eachHour();
    for (const [name, kind] of [
      ['rests', 'pause'],
      ['gone', 'remove'],
    ] as const) {
      await one.add({ name, rule }, addedMs);
      await sync(one);
      await one.schedules.writeEvent(name, { kind, at: Date.now() }, 'b');
      const ring = { name, dueMs: lastDueMs, isRepeat: false };
      expect(await runDue(ring, never, one.runDeps)).toBeUndefined();
      await sync(one);
    }
    expect(await one.queue.standing()).toEqual([]);
    expect(await one.workshop.shop.batches.list()).toEqual([]);
  });
});

describe('a due time that fires twice', () => {
  it('is one run and one batch, also where the list has changed in between', async () => {
    await using one = await openScheduling();
    const { rule, lastDueMs, addedMs } = eachHour();
    await one.add({ name: 'hourly', rule }, addedMs);
    const schedule = await one.schedules.read('hourly');
    const batch = batchOf('hourly', lastDueMs);
    // A crash between the batch and the word that it was queued.
    if (schedule === undefined) throw new Error('there is no schedule');
    await one.runDeps.queue(schedule.definition, batch, never, async () => undefined);
    await one.writeList(`${LIST}hat,"A straw hat"\n`);
    const ring = { name: 'hourly', dueMs: lastDueMs, isRepeat: false };
    const again = await runDue(ring, never, one.runDeps);
    expect(again).toMatchObject({ outcome: 'queued', batch });
    expect(await runDue(ring, never, one.runDeps)).toEqual(again);
    expect(await one.workshop.shop.batches.list()).toEqual([batch]);
    expect(await one.workshop.status(batch)).toMatchObject({ counts: { planned: 1 } });
  });

  it('has failed where the list was changed while it was being queued, and the next run does not wait for it', async () => {
    await using one = await openScheduling();
    const { rule, lastDueMs, addedMs } = eachHour();
    await one.add({ name: 'hourly', rule, overlap: 'skip' }, addedMs);
    const { shop, redis } = one.workshop;
    const batch = await one.workshop.enqueueRows([{ id: 'tee', prompt: 'A tee' }], {
      batch: batchOf('hourly', lastDueMs),
    });
    await redis.client.hdel(`${redis.prefix}:batch:${batch}`, 'enq');
    const ring = { name: 'hourly', dueMs: lastDueMs, isRepeat: false };
    const run = await runDue(ring, never, one.runDeps);
    expect(run).toMatchObject({ outcome: 'failed', error: expect.stringContaining('was changed while') });
    const next = { ...ring, dueMs: lastDueMs + HOUR_MS };
    expect(await runDue(next, never, one.runDeps)).toMatchObject({ outcome: 'queued' });
    expect(await shop.batches.list()).toHaveLength(2);
  });
});

describe('a run that is due while the one before goes on', () => {
  async function twice(overlap: 'skip' | 'queue') {
    const one = await openScheduling();
    const { rule, lastDueMs, addedMs } = eachHour();
    await one.add({ name: 'hourly', rule, overlap }, addedMs);
    const schedule = await one.schedules.read('hourly');
    if (schedule === undefined) throw new Error('there is no schedule');
    // No worker makes its pictures.
    const deps = { ...one.runDeps, clock: () => lastDueMs - 1_000 };
    const first = await runNow(schedule.definition, never, deps);
    const ring = { name: 'hourly', dueMs: lastDueMs, isRepeat: false };
    return { one, first, ring, second: await runDue(ring, never, one.runDeps) };
  }

  it('is skipped, and says why', async () => {
    const { one, first, ring, second } = await twice('skip');
    await using _one = one;
    expect(second).toMatchObject({
      outcome: 'skipped',
      before: first.batch,
      error: `${first.batch} has not ended: it is running`,
    });
    // And so is the next one, though the last run before it queued nothing.
    const third = await runDue({ ...ring, dueMs: ring.dueMs + HOUR_MS }, never, one.runDeps);
    expect(third).toMatchObject({ outcome: 'skipped', before: first.batch });
    expect(await one.workshop.shop.batches.list()).toEqual([first.batch]);
  });

  it('is not skipped once the one before has ended, though others were skipped in between', async () => {
    const { one, first } = await twice('skip');
    await using _one = one;
    await one.workshop.startWorker();
    await one.workshop.untilEnded(first.batch ?? '');
    const schedule = await one.schedules.read('hourly');
    if (schedule === undefined) throw new Error('there is no schedule');
    const { rule } = schedule.definition;
    const nextMs = rule.kind === 'every' ? rule.anchorMs + 101 * HOUR_MS : 0;
    const ring = { name: 'hourly', dueMs: nextMs, isRepeat: false };
    // What exists costs nothing.
    expect(await runDue(ring, never, one.runDeps)).toMatchObject({
      outcome: 'nothing',
      batch: batchOf('hourly', nextMs),
    });
  });

  it('is queued behind it where it shall be', async () => {
    const { one, first, second } = await twice('queue');
    await using _one = one;
    expect(second).toMatchObject({ outcome: 'queued', before: first.batch });
    expect(await one.workshop.shop.batches.list()).toHaveLength(2);
  });
});

describe('a list that is broken', () => {
  it('fails the run with its sentence, and the next run comes and takes the list as it is then', async () => {
    await using one = await openScheduling();
    await one.writeList('id,prompt\nmug,\n');
    await one.add({ name: 'tick', rule: eachSecond() }, Date.now());
    await one.startWorker();
    const [broken] = await one.untilRuns('tick', (found) => found.length >= 1);
    expect(broken).toMatchObject({ outcome: 'failed', error: expect.stringContaining('line 2') });
    expect(broken?.batch).toBeUndefined();
    await one.writeList(LIST);
    await one.untilRuns('tick', (found) => found.some(({ outcome }) => outcome === 'queued'));
  });

  it('stays failed when the same due time fires again: what is mended by then is for the next', async () => {
    await using one = await openScheduling();
    const { rule, lastDueMs, addedMs } = eachHour();
    await one.writeList('id,prompt\n');
    await one.add({ name: 'hourly', rule }, addedMs);
    const ring = { name: 'hourly', dueMs: lastDueMs, isRepeat: false };
    const run = await runDue(ring, never, one.runDeps);
    expect(run).toMatchObject({ outcome: 'failed' });
    await one.writeList(LIST);
    expect(await runDue(ring, never, one.runDeps)).toEqual(run);
    expect(await one.workshop.shop.batches.list()).toEqual([]);
  });

  it('keeps the first lines of a thousand faults', async () => {
    await using one = await openScheduling();
    const { rule, lastDueMs, addedMs } = eachHour();
    await one.writeList(`id,prompt\n${Array.from({ length: 1_000 }, (_, at) => `m${at},\n`).join('')}`);
    await one.add({ name: 'hourly', rule }, addedMs);
    const ring = { name: 'hourly', dueMs: lastDueMs, isRepeat: false };
    const run = await runDue(ring, never, one.runDeps);
    expect(run?.error?.split('\n').length).toBeLessThanOrEqual(5);
    expect(run?.error?.endsWith(' …')).toBe(true);
  });
});

describe('a store that is away', () => {
  it('fails no run; those that wait become one, which comes when the store is back', async () => {
    await using one = await openScheduling();
    const { rule, lastDueMs, addedMs } = eachHour();
    await one.add({ name: 'hourly', rule }, addedMs);
    const away = new UnavailableError('s3', 'the store is away');
    const deps = { ...one.runDeps, queue: () => Promise.reject(away) };
    const ring = { name: 'hourly', dueMs: lastDueMs - HOUR_MS, isRepeat: false };
    await expect(runDue(ring, never, deps)).rejects.toBe(away);
    expect(await one.runs('hourly')).toEqual([]);
    // An old bell that is tried again leaves it to one for the last due time, which all others that wait leave it to, too.
    expect(await runDue({ ...ring, isRepeat: true }, never, one.runDeps)).toBeUndefined();
    expect(
      await runDue({ ...ring, dueMs: ring.dueMs - HOUR_MS, isRepeat: true }, never, one.runDeps),
    ).toBeUndefined();
    const { client, prefix } = one.workshop.redis;
    expect(await client.lrange(`${prefix}:schedule:wait`, 0, -1)).toEqual([`late-hourly-${lastDueMs}`]);
    await one.startWorker();
    expect(await one.untilRuns('hourly', (found) => found.length === 1)).toMatchObject([
      { due: lastDueMs, outcome: 'queued' },
    ]);
  });
});

describe('a Redis that has lost its schedules', () => {
  it('gets them back from a worker that runs', async () => {
    await using one = await openScheduling();
    const { rule, lastDueMs, addedMs } = eachHour();
    await one.add({ name: 'hourly', rule }, addedMs);
    await one.startWorker();
    await one.untilRuns('hourly', (found) => found.length === 1);
    const { client, prefix } = one.workshop.redis;
    await client.del(await client.keys(`${prefix}:schedule*`));
    while ((await one.queue.standing()).length === 0) await delay(10);
    expect(await one.queue.standing()).toEqual([{ name: 'hourly', rule, isAlive: true }]);
    expect(await one.runs('hourly')).toMatchObject([{ due: lastDueMs }]);
  });

  it('gets them back from the start of a worker', async () => {
    await using one = await openScheduling();
    const { rule } = eachHour();
    await one.add({ name: 'hourly', rule }, Date.now());
    await sync(one);
    await flush(one.workshop.redis);
    expect(await one.queue.standing()).toEqual([]);
    await one.startWorker();
    while ((await one.queue.standing()).length === 0) await delay(10);
    expect(await one.queue.standing()).toEqual([{ name: 'hourly', rule, isAlive: true }]);
  });

  it('gets them back from rebuild', async () => {
    await using one = await openScheduling();
    const { rule, lastDueMs } = eachHour();
    await one.add({ name: 'hourly', rule }, lastDueMs + 1);
    await one.workshop.enqueueRows([{ id: 'tee', prompt: 'A tee' }]);
    await flush(one.workshop.redis);
    await using cli = await workshopCli(one.workshop);
    const { err } = await cli.run((context) => rebuildCommand(context, undefined, {}));
    expect(err).toContain('1 schedule');
    expect(await one.queue.standing()).toEqual([{ name: 'hourly', rule, isAlive: true }]);
  });

  it('or a part of them, has the bell set anew that would never ring again', async () => {
    await using one = await openScheduling();
    const { rule } = eachHour();
    await one.add({ name: 'hourly', rule }, Date.now());
    await sync(one);
    const { client, prefix } = one.workshop.redis;
    await client.del(await client.keys(`${prefix}:schedule:repeat:hourly:*`));
    expect(await one.queue.standing()).toMatchObject([{ isAlive: false }]);
    expect(await sync(one)).toEqual({ active: 1, restored: ['hourly'] });
    expect(await one.queue.standing()).toMatchObject([{ isAlive: true }]);
    expect(await sync(one)).toEqual({ active: 1, restored: [] });
  });
});

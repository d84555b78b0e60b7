import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { scheduleRunDepsOf, unseenSurroundings } from '../../../../src/app/schedule-run-deps.ts';
import { startWork } from '../../../../src/app/worker.ts';
import type { ListProcess } from '../../../../src/producer/child/check-in-child.ts';
import { PLAN_LIMITS, PlanBrokenError } from '../../../../src/producer/child/limits.ts';
import { listProcess } from '../../../../src/producer/child/list-process.ts';
import { type RunDeps, runDue, runNow } from '../../../../src/producer/schedules/run.ts';
import { silentLogger } from '../../../../src/shared/base/log.ts';
import { ScheduleStarts } from '../../../../src/shared/redis/schedule-starts.ts';
import { openScheduling, type Scheduling } from '../../../support/scheduling.ts';

const HOUR_MS = 3_600_000;
const never = new AbortController().signal;

/** The list of the test is called `list.csv`; this process loops whatever it is called. */
const looping: ListProcess = {
  ...listProcess({}),
  file: new URL('../../../support/plan-child-loop.ts', import.meta.url),
  limits: { ...PLAN_LIMITS, cpuMs: 1_500 },
};

async function hourly(one: Scheduling) {
  const dueMs = Math.floor(Date.now() / 1_000) * 1_000 - HOUR_MS / 2;
  const rule = { kind: 'every', everyMs: HOUR_MS, anchorMs: dueMs - 10 * HOUR_MS } as const;
  await one.add({ name: 'hourly', rule }, dueMs - HOUR_MS / 2);
  const { shop, stack } = one.workshop;
  const starts = new ScheduleStarts({ redis: shop.redis, prefix: stack.prefix });
  return { starts, ring: { name: 'hourly', dueMs, isRepeat: false } };
}

function depsWith(one: Scheduling, lists: ListProcess): RunDeps {
  const { shop, stack, config } = one.workshop;
  const { schedules, queue } = one;
  const log = silentLogger;
  return scheduleRunDepsOf({
    surroundings: unseenSurroundings({}, log),
    shop,
    stack,
    config,
    schedules,
    queue,
    log,
    lists,
  });
}

describe('a scheduled list that breaks its own planning', () => {
  it('is tried once more and has then failed, while its worker lives and its event loop turns', async () => {
    await using one = await openScheduling();
    const { ring } = await hourly(one);
    const { shop, stack, config } = one.workshop;
    let turns = 0;
    const turning = setInterval(() => {
      turns += 1;
    }, 20);
    await using work = await startWork({
      ...{ shop, stack, config, environment: {}, log: silentLogger, lists: looping },
      roles: new Set(['schedule']),
      timing: { lockMs: 15_000, stalledIntervalMs: 15_000, sweepMs: 50 },
    });
    const [run] = await one.untilRuns('hourly', (found) => found.length === 1);
    clearInterval(turning);
    expect(run).toMatchObject({ due: ring.dueMs, outcome: 'failed' });
    expect(run?.error).toContain('The list could not be planned within 1.5 s of processor time.');
    expect(work.running()).toBe(true);
    // Each of the two starts was 1.5 s of a loop.
    expect(turns).toBeGreaterThan(20);
    expect(await shop.batches.list()).toEqual([]);
  }, 60_000);

  it('has failed when the worker died in it twice, and is not planned a third time for it', async () => {
    await using one = await openScheduling();
    const { ring, starts } = await hourly(one);
    await starts.begin('hourly');
    await starts.begin('hourly');
    const run = await runDue(ring, never, one.runDeps);
    expect(run).toMatchObject({
      outcome: 'failed',
      error: expect.stringContaining('ended 2 times while it'),
    });
    expect(await one.workshop.shop.batches.list()).toEqual([]);
    // The next run begins to count again.
    expect(await starts.begin('hourly')).toBe(0);
  });

  it('counts a start until the list is planned, and no longer', async () => {
    await using one = await openScheduling();
    const { ring, starts } = await hourly(one);
    const deps = depsWith(one, looping);
    await expect(runDue(ring, never, deps)).rejects.toThrow(PlanBrokenError);
    expect(await one.runs('hourly')).toEqual([]);
    const good = await runDue(ring, never, one.runDeps);
    expect(good).toMatchObject({ outcome: 'queued' });
    expect(await starts.begin('hourly')).toBe(0);
  });

  it('that a user runs by hand has failed at once', async () => {
    await using one = await openScheduling();
    await hourly(one);
    const schedule = await one.schedules.read('hourly');
    if (schedule === undefined) throw new Error('there is no schedule');
    const run = await runNow(schedule.definition, never, depsWith(one, looping));
    expect(run).toMatchObject({ outcome: 'failed', error: expect.stringContaining('of processor time') });
  });

  it('is ended when its worker stops, and comes again', async () => {
    await using one = await openScheduling();
    const { ring, starts } = await hourly(one);
    const stop = new AbortController();
    const patient = { ...looping, limits: PLAN_LIMITS };
    const running = runDue(ring, stop.signal, depsWith(one, patient));
    const { shop, stack } = one.workshop;
    while ((await shop.redis.exists(`${stack.prefix}:schedule-starts:hourly`)) === 0) await delay(20);
    stop.abort(new Error('the worker stops'));
    await expect(running).rejects.toThrow('the worker stops');
    expect(await one.runs('hourly')).toEqual([]);
    expect(await starts.begin('hourly')).toBe(0);
  });
});

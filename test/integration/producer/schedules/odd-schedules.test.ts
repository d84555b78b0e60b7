import { describe, expect, it } from '@jest/globals';
import { scheduleListCommand } from '../../../../src/cli/commands/schedule-actions.ts';
import { runDue } from '../../../../src/producer/schedules/run.ts';
import { batchOf } from '../../../../src/producer/schedules/schedule.ts';
import { syncSchedules } from '../../../../src/producer/schedules/sync.ts';
import { objectKeys } from '../../../../src/shared/store/keys.ts';
import { logLines } from '../../../support/log-lines.ts';
import { openScheduling, type Scheduling } from '../../../support/scheduling.ts';
import { workshopCli } from '../../../support/workshop-cli.ts';

const HOUR_MS = 3_600_000;
const never = new AbortController().signal;
const dueMs = Math.floor(Date.now() / 1_000) * 1_000 - HOUR_MS / 2;
const rule = { kind: 'every', everyMs: HOUR_MS, anchorMs: dueMs - 10 * HOUR_MS } as const;

/** Two schedules, each added before its last two due times. */
async function two(overlap: 'skip' | 'queue' = 'queue') {
  const one = await openScheduling();
  for (const name of ['odd', 'sound']) await one.add({ name, rule, overlap }, dueMs - 1.5 * HOUR_MS);
  return one;
}

const garble = ({ workshop }: Scheduling, key: string) =>
  workshop.shop.store.putOnce(key, Buffer.from('not JSON'), { contentType: 'application/json' });
const run = (one: Scheduling) =>
  runDue({ name: 'odd', dueMs, isRepeat: false }, never, { ...one.runDeps, clock: () => dueMs + 1_000 });

async function listed(one: Scheduling) {
  await using cli = await workshopCli(one.workshop);
  const { out, err } = await cli.run((context) => scheduleListCommand(context, { json: true }));
  return { schedules: JSON.parse(out), err };
}

describe('a name among the runs of a schedule that is none of ours', () => {
  it('is no run, and neither the list nor the next run knows it', async () => {
    await using one = await two();
    const folder = objectKeys.scheduleRuns('odd');
    for (const name of ['zzzz.json', '99999999999999.json', 'readme.txt']) await garble(one, folder + name);
    await garble(one, `${objectKeys.scheduleEvents('odd')}zzzz.json`);
    expect((await listed(one)).schedules).toMatchObject([
      { name: 'odd', lastRun: null },
      { name: 'sound', lastRun: null },
    ]);
    expect(await run(one)).toMatchObject({ outcome: 'queued', batch: batchOf('odd', dueMs) });
  });
});

describe('the last run of a schedule that cannot be read', () => {
  it('reads as failed, and the next run looks at the batch that it may have queued', async () => {
    await using one = await two('skip');
    const before = batchOf('odd', dueMs - HOUR_MS);
    await one.workshop.enqueueRows([{ id: 'mug', prompt: 'a mug' }], { batch: before });
    await garble(one, objectKeys.scheduleRun('odd', dueMs - HOUR_MS));
    expect((await listed(one)).schedules).toMatchObject([
      { name: 'odd', lastRun: { outcome: 'failed', error: expect.stringContaining('damaged') } },
      { name: 'sound' },
    ]);
    expect(await run(one)).toMatchObject({
      outcome: 'skipped',
      error: expect.stringContaining(`${before} has not ended`),
    });
  });
});

describe('the batch of the last run that cannot be read', () => {
  it('counts as under way, and hides no schedule', async () => {
    await using one = await two('skip');
    const batch = batchOf('odd', dueMs - HOUR_MS);
    const { redis } = one.workshop.shop;
    await one.workshop.enqueueRows([{ id: 'mug', prompt: 'a mug' }], { batch });
    const due = dueMs - HOUR_MS;
    await one.schedules.writeRun('odd', { due, at: due, outcome: 'queued', batch });
    await redis.hset(`${one.workshop.stack.prefix}:batch:${batch}`, 'word', 'a word of tomorrow');
    const { schedules, err } = await listed(one);
    expect(schedules).toMatchObject([{ name: 'odd', lastRun: { batch, state: null } }, { name: 'sound' }]);
    expect(err).toContain(`shotlist rebuild ${batch}`);
    expect(await run(one)).toMatchObject({
      outcome: 'skipped',
      error: expect.stringContaining(`shotlist rebuild ${batch}`),
    });
  });
});

describe('a schedule in Redis that cannot be read', () => {
  it.each(['its data', 'its next run', 'stray names'])(
    'by %s is made again, beside the others',
    async (what) => {
      await using one = await two();
      const { log } = logLines();
      const sync = () => syncSchedules({ ...one, clock: Date.now, log });
      await sync();
      const { redis } = one.workshop.shop;
      const base = `${one.workshop.stack.prefix}:schedule:`;
      const next = await redis.zscore(`${base}repeat`, 'odd');
      if (what === 'its data') await redis.hset(`${base}repeat:odd`, 'data', '{not JSON');
      else if (what === 'its next run') await redis.hset(`${base}repeat:odd:${next}`, 'data', '{not JSON');
      else await redis.zadd(`${base}repeat`, 1, 'zzzz', 2, 'z:z:z:z:z');

      await sync();

      const standing = await one.queue.standing();
      expect(standing.map(({ name, isAlive }) => [name, isAlive]).sort()).toEqual([
        ['odd', true],
        ['sound', true],
      ]);
    },
  );
});

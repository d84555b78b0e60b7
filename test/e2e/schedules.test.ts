import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { batchOf } from '../../src/producer/schedules/schedule.ts';
import { Schedules } from '../../src/producer/schedules/schedules.ts';
import { scheduleSigner } from '../../src/producer/schedules/signer.ts';
import { openFolderStore } from '../../src/shared/store/folder/store.ts';
import { jsonOf, program, startProgram, workplace } from '../support/program.ts';

const HOUR_MS = 3_600_000;
const SCHEDULE_KEY = 'a key of the test';
const signer = scheduleSigner(SCHEDULE_KEY);

/** In the simulated store of a folder: a schedule that was last due half an hour ago, when nobody was there. */
async function missed(
  folder: string,
  name: string,
): Promise<{ readonly dueMs: number; outcome(): Promise<string> }> {
  const open = () => openFolderStore({ folder: join(folder, '.shotlist', 'sim', 'store') });
  const dueMs = Math.floor(Date.now() / 1_000) * 1_000 - HOUR_MS / 2;
  await using store = await open();
  const definition = {
    name,
    list: join(folder, 'list.csv'),
    rule: { kind: 'every', everyMs: HOUR_MS, anchorMs: dueMs - 10 * HOUR_MS },
    overlap: 'skip',
    cap: 1_000_000,
    priority: 1_000,
    options: { recipe: 'original' },
  } as const;
  await new Schedules({ store, signer }).writeEvent(
    name,
    { kind: 'add', at: dueMs - 5 * HOUR_MS, definition },
    'a',
  );
  return {
    dueMs,
    async outcome() {
      await using again = await open();
      return (await new Schedules({ store: again, signer }).readRun(name, dueMs))?.outcome ?? 'none';
    },
  };
}

describe('schedules of the built program', () => {
  it('fire in a worker with that role alone, in the simulated world where they were added, and not in run', async () => {
    await using at = await workplace();
    const { path: cwd } = at;
    writeFileSync(join(cwd, 'list.csv'), 'id,prompt\nmug,"A red mug"\n');
    const add = ['schedule', 'add', 'nightly', 'list.csv', '--cron', '0 2 * * *', '--cap', '1'];
    const added = await program([...add, '--tz', 'Europe/Berlin', '--simulate', '--json'], { cwd });
    expect(jsonOf(added)).toMatchObject({ name: 'nightly', tz: 'Europe/Berlin', state: 'active' });

    const real = await program(['schedule', 'list', '--json'], { cwd });
    expect(jsonOf(real)).toEqual([]);
    const simulated = await program(['schedule', 'list', '--simulate', '--json'], { cwd });
    expect(jsonOf(simulated)).toMatchObject([{ name: 'nightly', lastRun: null }]);

    const late = await missed(cwd, 'late');
    const run = await program(['run', 'list.csv', '--recipe', 'original', '--simulate', '--json'], { cwd });
    expect(run.code).toBe(0);
    expect(await late.outcome()).toBe('none');

    await using worker = startProgram(['worker', '--simulate', '--roles', 'schedule'], {
      cwd,
      env: { SCHEDULE_KEY },
    });
    while ((await late.outcome()) === 'none') {
      expect(worker.child.exitCode).toBeNull();
      await delay(50);
    }
    // The pictures exist since the run.
    expect(await late.outcome()).toBe('nothing');
    worker.child.kill('SIGTERM');
    expect(await worker.ended).toMatchObject({ code: 0 });
    const status = await program(['status', batchOf('late', late.dueMs), '--simulate', '--json'], { cwd });
    expect(jsonOf(status)).toMatchObject({ money: { capUsd: 1, spentUsd: 0 } });
  }, 120_000);
});

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { Schedules } from '../../src/producer/schedules/schedules.ts';
import { scheduleSigner } from '../../src/producer/schedules/signer.ts';
import { openFolderStore } from '../../src/shared/store/folder/store.ts';
import { freePort } from '../support/free-port.ts';
import { startProgram, workplace } from '../support/program.ts';

const HOUR_MS = 3_600_000;
const SCHEDULE_KEY = 'a key of the test';
const signer = scheduleSigner(SCHEDULE_KEY);
const LETTERS = 8_000;

/** Small lists that ended a worker, or kept its event loop for minutes, when it planned them itself. */
const LISTS = {
  grows: `id,prompt,x\na,"${'{{x}}'.repeat(30_000)}",${'y'.repeat(15_000)}\n`,
  compares: `id,prompt,${'a'.repeat(LETTERS)}\na,"{{${'b'.repeat(LETTERS - 1)}}}",v\n`,
  redacts: `${'https://a?'.repeat(20_000)},prompt\na,b\n`,
} as const;

describe('a worker whose schedules have hostile lists', () => {
  it('lives on and answers /livez, and their runs have failed', async () => {
    await using at = await workplace();
    const { path: cwd } = at;
    const open = () => openFolderStore({ folder: join(cwd, '.shotlist', 'sim', 'store') });
    const dueMs = Math.floor(Date.now() / 1_000) * 1_000 - HOUR_MS / 2;
    {
      await using store = await open();
      for (const [name, text] of Object.entries(LISTS)) {
        const list = join(cwd, `${name}.csv`);
        writeFileSync(list, text);
        const rule = { kind: 'every', everyMs: HOUR_MS, anchorMs: dueMs - 10 * HOUR_MS } as const;
        const definition = {
          ...{ name, list, rule, overlap: 'skip' as const, cap: 1_000_000, priority: 1_000 },
          options: { recipe: 'original' },
        } as const;
        await new Schedules({ store, signer }).writeEvent(
          name,
          { kind: 'add', at: dueMs - HOUR_MS, definition },
          'a',
        );
      }
    }
    const port = await freePort();
    const env = { HEALTH_PORT: String(port), SCHEDULE_KEY };
    await using worker = startProgram(['worker', '--simulate', '--roles', 'schedule'], { cwd, env });
    await worker.says('worker started');
    const outcomes = async () => {
      await using store = await open();
      const schedules = new Schedules({ store, signer });
      const runs = await Promise.all(Object.keys(LISTS).map((name) => schedules.readRun(name, dueMs)));
      return runs.map((run) => run?.outcome);
    };
    let answers = 0;
    while ((await outcomes()).includes(undefined)) {
      expect(worker.child.exitCode).toBeNull();
      expect(worker.child.signalCode).toBeNull();
      const { status } = await fetch(`http://127.0.0.1:${port}/livez`, {
        signal: AbortSignal.timeout(5_000),
      });
      expect(status).toBe(200);
      answers += 1;
      await delay(50);
    }
    expect(answers).toBeGreaterThan(3);
    expect(await outcomes()).toEqual(['failed', 'failed', 'failed']);
    worker.child.kill('SIGTERM');
    expect(await worker.ended).toMatchObject({ code: 0 });
  }, 120_000);
});

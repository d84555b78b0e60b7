import { describe, expect, it } from '@jest/globals';
import { scheduleJson } from '../../src/cli/output/schedule.ts';
import { batchOf, OUTCOMES } from '../../src/producer/schedules/schedule.ts';
import { batchStatus } from '../../src/shared/status/status.ts';
import { blocksOf, readPage } from '../support/docs.ts';

const json = await readPage('docs/json.md');
const page = await readPage('docs/schedules.md');

describe('docs/json.md', () => {
  it('shows a schedule as it is printed', () => {
    const block = blocksOf(json, 'json').find((one) => one.includes('"nextRun"')) ?? '';
    const due = Date.parse('2026-11-25T01:00Z');
    const definition = {
      name: 'nightly',
      list: '/lists/catalog.csv',
      rule: { kind: 'cron', cron: '0 2 * * *', tz: 'Europe/Berlin' },
      overlap: 'skip',
      cap: 20_000_000,
      priority: 1_000,
      options: {},
    } as const;
    const status = batchStatus.parse(
      JSON.parse(blocksOf(json, 'json').find((one) => one.includes('"heldReason"')) ?? ''),
    );
    const printed = scheduleJson(
      {
        schedule: { definition, paused: false, sinceMs: 0 },
        lastRun: { due, at: due + 412, outcome: 'queued', batch: batchOf('nightly', due) },
        status: { ...status, state: 'done', money: { ...status.money, spentUsd: 1.01 } },
      },
      Date.parse('2026-11-25T09:00Z'),
    );
    expect(JSON.parse(block)).toEqual(printed);
    expect(Object.keys(JSON.parse(block))).toEqual(Object.keys(printed));
  });
});

describe('docs/schedules.md', () => {
  it('names every outcome of a run', () => {
    for (const outcome of OUTCOMES) expect(page).toContain(`\`${outcome}\``);
  });

  it('names a run as it is named', () => {
    expect(page).toContain(batchOf('nightly', Date.parse('2026-11-25T01:00Z')));
  });
});

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, jest } from '@jest/globals';
import { projectRoot } from '../../../../src/shared/base/project-root.ts';

// Each is a process of its own: Node reads TZ once, at its start.
jest.setTimeout(60_000);

const run = promisify(execFile);
const TIME = join(projectRoot(), 'src/shared/base/time.ts');

/** The day and month that caps count, in that zone, at each of these moments. */
async function daysIn(zone: string, moments: readonly string[]): Promise<readonly string[]> {
  const script = `
    const { dayOf, monthOf } = await import(${JSON.stringify(TIME)});
    const days = ${JSON.stringify(moments)}.map((moment) => dayOf(Date.parse(moment)));
    console.log(JSON.stringify(days.map((day) => [day, monthOf(day)].join(' '))));`;
  const { stdout } = await run(
    process.execPath,
    ['--import', import.meta.resolve('tsx'), '--input-type=module', '--eval', script],
    { env: { PATH: process.env['PATH'], TZ: zone } },
  );
  return JSON.parse(stdout);
}

describe('the day and the month that caps count', () => {
  it.each([
    [
      'Europe/Berlin',
      [
        // Midnight in winter and in summer.
        ['2026-11-30T22:59:59.999Z', '2026-11-30 2026-11'],
        ['2026-11-30T23:00:00.000Z', '2026-12-01 2026-12'],
        ['2026-06-30T21:59:59.999Z', '2026-06-30 2026-06'],
        ['2026-06-30T22:00:00.000Z', '2026-07-01 2026-07'],
        // The days of 23 and of 25 hours: the clock goes forward on 29 March, back on 25 October.
        ['2026-03-28T23:00:00.000Z', '2026-03-29 2026-03'],
        ['2026-03-29T21:59:59.999Z', '2026-03-29 2026-03'],
        ['2026-03-29T22:00:00.000Z', '2026-03-30 2026-03'],
        ['2026-10-24T22:00:00.000Z', '2026-10-25 2026-10'],
        ['2026-10-25T22:59:59.999Z', '2026-10-25 2026-10'],
        ['2026-10-25T23:00:00.000Z', '2026-10-26 2026-10'],
      ],
    ],
    [
      'America/New_York',
      [
        ['2027-01-01T04:59:59.999Z', '2026-12-31 2026-12'],
        ['2027-01-01T05:00:00.000Z', '2027-01-01 2027-01'],
      ],
    ],
    // Where midnight itself is skipped: 6 September begins at one o'clock.
    [
      'America/Santiago',
      [
        ['2026-09-06T03:59:59.999Z', '2026-09-05 2026-09'],
        ['2026-09-06T04:00:00.000Z', '2026-09-06 2026-09'],
      ],
    ],
    ['Asia/Kolkata', [['2026-11-24T18:30:00.000Z', '2026-11-25 2026-11']]],
    ['UTC', [['2026-11-24T23:59:59.999Z', '2026-11-24 2026-11']]],
  ] as const)('are those of TZ=%s, at midnight and when the clocks change', async (zone, cases) => {
    const moments = cases.map(([moment]) => moment);
    expect(await daysIn(zone, moments)).toEqual(cases.map(([, day]) => day));
  });
});

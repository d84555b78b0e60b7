import { describe, expect, it } from '@jest/globals';
import { ruleOf } from '../../../../src/producer/schedules/rule.ts';
import { batchOf } from '../../../../src/producer/schedules/schedule.ts';

const now = Date.parse('2026-11-24T15:37:42Z');

describe('when a schedule is due', () => {
  it.each([
    [{}, /Say when it is due/],
    [{ cron: '0 2 * * *', every: '6h' }, /either --cron or --every, not both/],
    [{ every: '6h', tz: 'UTC' }, /--tz belongs to --cron/],
    [{ every: '30s' }, /from one minute to a year/],
    [{ every: '0m' }, /from one minute to a year/],
    [{ every: '2y' }, /from one minute to a year/],
    [{ every: 'often' }, /such as 30m, 6h or 1d/],
    [{ cron: 'banana' }, /--cron "banana" cannot be read .* five fields/],
    [{ cron: '61 * * * *' }, /Invalid value for minute/],
    [{ cron: '* * * * * *' }, /five fields/],
    [{ cron: '0 0 30 2 *' }, /never fires: there is no such day/],
    [
      { cron: '0 2 * * *', tz: 'Europe/Berln' },
      /no time zone "Europe\/Berln": did you mean Europe\/Berlin\?/,
    ],
    [{ cron: '0 2 * * *', tz: 'Berlin' }, /did you mean Europe\/Berlin\?/],
    [{ cron: '0 2 * * *', tz: 'Middle-earth/The_Shire_of_Old' }, /write one such as Europe\/Berlin or UTC/],
  ])('%j is told in one sentence', (args, sentence) => {
    expect(() => ruleOf(args, now, 'UTC')).toThrow(sentence);
    expect(() => ruleOf(args, now, 'UTC')).toThrow(/^[^\n]+$/);
  });

  it('is read on the clock of this machine where no zone is named, and zones are named as the database does', () => {
    expect(ruleOf({ cron: ' 0  2 * * * ' }, now, 'Asia/Tokyo')).toEqual({
      kind: 'cron',
      cron: '0 2 * * *',
      tz: 'Asia/Tokyo',
    });
    expect(ruleOf({ cron: '0 2 * * *', tz: 'europe/berlin' }, now, 'UTC')).toMatchObject({
      tz: 'Europe/Berlin',
    });
  });

  it('counts an interval from the minute', () => {
    const anchorMs = Date.parse('2026-11-24T15:37Z');
    expect(ruleOf({ every: '90m' }, now, 'UTC')).toEqual({ kind: 'every', everyMs: 5_400_000, anchorMs });
    expect(ruleOf({ every: '1w' }, now, 'UTC')).toMatchObject({ everyMs: 604_800_000 });
  });
});

describe("a run's batch", () => {
  it('is named by the due time in UTC, by the second where that is not a whole minute', () => {
    expect(batchOf('nightly', Date.parse('2026-11-25T01:00:00Z'))).toBe('nightly-20261125T0100Z');
    expect(batchOf('nightly', Date.parse('2026-11-25T01:00:07Z'))).toBe('nightly-20261125T010007Z');
  });
});

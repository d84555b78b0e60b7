import { describe, expect, it } from '@jest/globals';
import {
  dueAfter,
  lastDue,
  patternOf,
  type Rule,
  ruleOfPattern,
} from '../../../../src/shared/queues/due-times.ts';

const cron = (text: string, tz: string): Rule => ({ kind: 'cron', cron: text, tz });
const at = (text: string) => Date.parse(text);

/** The next so many due times after a moment, as an instant each. */
function dues(rule: Rule, from: string, count: number): string[] {
  const found: string[] = [];
  for (let due = dueAfter(rule, at(from)); due !== undefined && found.length < count; ) {
    found.push(new Date(due).toISOString().replace(':00.000Z', 'Z'));
    due = dueAfter(rule, due);
  }
  return found;
}

/** The local days on which a rule is due in 2027, in order. */
function daysOf2027(rule: Rule, tz: string): string[] {
  const day = new Intl.DateTimeFormat('en-CA', { timeZone: tz });
  const days: string[] = [];
  let due = dueAfter(rule, at('2026-12-30T12:00Z'));
  for (; due !== undefined && due < at('2028-01-03T12:00Z'); due = dueAfter(rule, due))
    days.push(day.format(due));
  return days.filter((one) => one.startsWith('2027-'));
}

describe('the due times of a cron', () => {
  it('follow the clock of the zone from winter to summer: a time that is jumped over is due at the jump', () => {
    expect(dues(cron('30 2 * * *', 'Europe/Berlin'), '2027-03-27T00:00Z', 3)).toEqual([
      '2027-03-27T01:30Z',
      '2027-03-28T01:00Z',
      '2027-03-29T00:30Z',
    ]);
  });

  it('follow it from summer to winter: a time that comes twice is due at the first', () => {
    expect(dues(cron('30 2 * * *', 'Europe/Berlin'), '2027-10-30T00:00Z', 3)).toEqual([
      '2027-10-30T00:30Z',
      '2027-10-31T00:30Z',
      '2027-11-01T01:30Z',
    ]);
  });

  it('know no summer in UTC, nor in a zone without one, whatever its offset', () => {
    expect(dues(cron('30 2 * * *', 'UTC'), '2027-03-27T12:00Z', 2)).toEqual([
      '2027-03-28T02:30Z',
      '2027-03-29T02:30Z',
    ]);
    expect(dues(cron('30 2 * * *', 'Asia/Kathmandu'), '2027-03-27T12:00Z', 2)).toEqual([
      '2027-03-27T20:45Z',
      '2027-03-28T20:45Z',
    ]);
  });

  it('of every hour go by the time that passes: the hour that comes twice has two', () => {
    expect(dues(cron('15 * * * *', 'Europe/Berlin'), '2027-03-28T00:00Z', 3)).toEqual([
      '2027-03-28T00:15Z',
      '2027-03-28T01:15Z',
      '2027-03-28T02:15Z',
    ]);
    expect(dues(cron('15 * * * *', 'Europe/Berlin'), '2027-10-30T23:30Z', 3)).toEqual([
      '2027-10-31T00:15Z',
      '2027-10-31T01:15Z',
      '2027-10-31T02:15Z',
    ]);
  });

  // Clocks that go forward at midnight, by half an hour, by two, and in the southern spring; those that break others.
  it.each([
    'UTC',
    'Europe/Berlin',
    'America/New_York',
    'America/Santiago',
    'America/Havana',
    'Africa/Cairo',
    'Africa/Casablanca',
    'Asia/Beirut',
    'Atlantic/Azores',
    'Australia/Lord_Howe',
    'Antarctica/Troll',
    'Pacific/Chatham',
  ])('are one a day in %s, at whatever time of the night', (tz) => {
    for (const time of ['0 0', '30 0', '45 1', '15 2', '30 2']) {
      const days = daysOf2027(cron(`${time} * * *`, tz), tz);
      expect({ time, count: days.length, apart: new Set(days).size }).toEqual({
        time,
        count: 365,
        apart: 365,
      });
    }
  });

  it('are none where the day never comes', () => {
    expect(dueAfter(cron('0 0 30 2 *', 'UTC'), at('2026-11-24T00:00Z'))).toBeUndefined();
    expect(dues(cron('0 0 29 2 *', 'UTC'), '2026-11-24T00:00Z', 1)).toEqual(['2028-02-29T00:00Z']);
  });
});

describe('the due times of an interval', () => {
  it('lie at the anchor and every so long after it, through a change of the clocks', () => {
    const rule: Rule = { kind: 'every', everyMs: 6 * 3_600_000, anchorMs: at('2027-03-27T19:10Z') };
    expect(dues(rule, '2027-03-27T00:00Z', 3)).toEqual([
      '2027-03-27T19:10Z',
      '2027-03-28T01:10Z',
      '2027-03-28T07:10Z',
    ]);
    expect(dueAfter(rule, at('2027-03-28T01:10Z'))).toBe(at('2027-03-28T07:10Z'));
  });
});

describe('the last due time', () => {
  const rules: [string, Rule][] = [
    ['each minute', cron('* * * * *', 'Europe/Berlin')],
    ['each night', cron('0 2 * * *', 'Europe/Berlin')],
    ['on 29 February', cron('0 0 29 2 *', 'UTC')],
    ['each 90 seconds', { kind: 'every', everyMs: 90_000, anchorMs: at('2026-01-01T00:00Z') }],
  ];

  it.each(rules)('of a schedule that is due %s is one after which none comes until now', (_, rule) => {
    const now = at('2032-10-31T00:45:30Z');
    const last = lastDue(rule, at('2026-02-01T00:00Z'), now);
    expect(last).toBeLessThanOrEqual(now);
    expect(dueAfter(rule, (last ?? 0) - 1)).toBe(last);
    expect(dueAfter(rule, last ?? 0)).toBeGreaterThan(now);
  });

  it.each(rules)(
    'of a schedule that is due %s counts itself where it is now, and not where it began',
    (_, rule) => {
      const due = dueAfter(rule, at('2027-01-01T00:00Z')) ?? 0;
      expect(lastDue(rule, due - 1, due)).toBe(due);
      expect(lastDue(rule, due, due)).toBeUndefined();
      expect(lastDue(rule, due, due + 1)).toBeUndefined();
    },
  );
});

it('what BullMQ keeps of a rule is the rule', () => {
  for (const rule of [
    cron('0 2 * * MON-FRI', 'Europe/Berlin'),
    { kind: 'every', everyMs: 90_000, anchorMs: 1_795_525_699_000 } as const,
  ]) {
    const { pattern, tz } = patternOf(rule);
    expect(ruleOfPattern(pattern, tz)).toEqual(rule);
  }
});

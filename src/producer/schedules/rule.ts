import { messageOf, UserError } from '../../shared/base/errors.ts';
import { nearest } from '../../shared/base/nearest.ts';
import { dueAfter, type Rule } from '../../shared/queues/due-times.ts';

export interface RuleArguments {
  readonly cron?: string;
  readonly tz?: string;
  readonly every?: string;
}

const MINUTE_MS = 60_000;
const UNITS_MS = {
  m: MINUTE_MS,
  h: 60 * MINUTE_MS,
  d: 24 * 60 * MINUTE_MS,
  w: 7 * 24 * 60 * MINUTE_MS,
} as const;
const MAX_EVERY_MS = 366 * UNITS_MS.d;

/**
 * What `--cron`, `--tz` and `--every` say. `nowMs`: an interval counts from its minute; `localTz`: the zone of a cron
 * that names none. Throws a `UserError` that says what to write instead.
 */
export function ruleOf({ cron, tz, every }: RuleArguments, nowMs: number, localTz: string): Rule {
  if (cron !== undefined && every !== undefined)
    throw new UserError('usage', 'Give either --cron or --every, not both.');
  if (every !== undefined) {
    if (tz !== undefined)
      throw new UserError(
        'usage',
        '--tz belongs to --cron: an interval is the same in every zone; leave it out.',
      );
    return { kind: 'every', everyMs: everyMsOf(every), anchorMs: Math.floor(nowMs / MINUTE_MS) * MINUTE_MS };
  }
  if (cron === undefined)
    throw new UserError(
      'usage',
      'Say when it is due: --cron "0 2 * * *" for each night at two (with --tz for whose night), or --every 6h.',
    );
  const rule: Rule = { kind: 'cron', cron: cron.trim().replace(/\s+/g, ' '), tz: zoneOf(tz ?? localTz) };
  assertFires(rule, nowMs);
  return rule;
}

function everyMsOf(text: string): number {
  const match = /^(\d{1,6})\s*([mhdw])$/.exec(text.trim());
  const ms = match === null ? 0 : Number(match[1]) * UNITS_MS[match[2] as keyof typeof UNITS_MS];
  if (ms >= MINUTE_MS && ms <= MAX_EVERY_MS) return ms;
  throw new UserError(
    'bad_schedule',
    `--every ${JSON.stringify(text)} cannot be used: write a number of m, h, d or w, such as 30m, 6h or 1d, from one minute to a year.`,
  );
}

function assertFires(rule: Extract<Rule, { kind: 'cron' }>, nowMs: number): void {
  const shown = JSON.stringify(rule.cron);
  let due: number | undefined;
  try {
    due = dueAfter(rule, nowMs);
  } catch (error) {
    const reason = messageOf(error)
      .replace(/^Cron\w+: /, '')
      .replace(/\.$/, '');
    throw new UserError(
      'bad_schedule',
      `--cron ${shown} cannot be read (${reason}): it has five fields, minute, hour, day of the month, month and day of the week, such as "0 2 * * *" for each night at two.`,
      { cause: error },
    );
  }
  if (due === undefined)
    throw new UserError(
      'bad_schedule',
      `--cron ${shown} never fires: there is no such day. Choose another one.`,
    );
}

/** The zone by the name that the time zone database has for it. */
/** More than there are. */
const ZONES = 1_000;

function zoneOf(text: string): string {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone;
  } catch (error) {
    const zones = Intl.supportedValuesOf('timeZone');
    const cities = new Map(zones.map((zone) => [zone.slice(zone.lastIndexOf('/') + 1), zone]));
    const near =
      nearest(text, [...zones, 'UTC'], ZONES) ?? cities.get(nearest(text, cities.keys(), ZONES) ?? '');
    throw new UserError(
      'bad_schedule',
      `There is no time zone ${JSON.stringify(text)}: ${near === undefined ? 'write one such as Europe/Berlin or UTC' : `did you mean ${near}?`}`,
      { cause: error },
    );
  }
}

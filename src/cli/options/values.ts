import { InvalidArgumentError } from 'commander';
import { webhookUrlFault } from '../../shared/base/addresses.ts';
import { ROLES, type Role } from '../../shared/base/choices.ts';
import { UserError } from '../../shared/base/errors.ts';
import { type MicroUsd, parseUsd } from '../../shared/base/money.ts';
import { utcDay } from '../../shared/base/time.ts';
import type { DayRange } from '../../shared/ledger/days.ts';

/** Each reads the text of an option, and throws commander's error with what is allowed. */

export function usd(text: string): MicroUsd {
  const amount = parseUsd(text);
  if (amount === undefined)
    throw new InvalidArgumentError('It must be an amount of dollars, such as 5 or 0.25.');
  return amount;
}

/** From 0. */
export function wholeNumber(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number, from 0.');
}

/** Reads the address of `--on-done`; throws commander's error where it cannot take a webhook. */
export function webhookUrl(text: string): string {
  const fault = webhookUrlFault(text);
  if (fault === undefined) return text;
  throw new InvalidArgumentError(`It cannot take a webhook: ${fault}.`);
}

const UNITS_S = { m: 60, h: 3_600, d: 86_400 } as const;
/** What S3 itself allows at most. */
const MAX_S = 7 * 86_400;

/** Reads `7d`, `12h` or `30m` as seconds; throws commander's error for anything else. */
export function presignTtl(text: string): number {
  const match = /^(\d{1,6})([mhd])$/.exec(text);
  const ttlS = match === null ? 0 : Number(match[1]) * UNITS_S[match[2] as keyof typeof UNITS_S];
  if (ttlS >= 60 && ttlS <= MAX_S) return ttlS;
  throw new InvalidArgumentError('It must be from 1m (a minute) to 7d, such as 12h.');
}

export function roles(text: string): ReadonlySet<Role> {
  const names = text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const chosen = new Set(names.map((name) => ROLES.find((role) => role === name) ?? unknownRole(name)));
  if (chosen.size === 0) throw new InvalidArgumentError(`Name at least one of ${ROLES.join(', ')}.`);
  return chosen;
}

function unknownRole(name: string): never {
  throw new InvalidArgumentError(
    `There is no role ${JSON.stringify(name)}; it is one of ${ROLES.join(', ')}.`,
  );
}

export function concurrency(text: string): number {
  const value = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= 10_000) return value;
  throw new InvalidArgumentError('It must be a whole number from 1 to 10000.');
}

/** Reads `2026-11-24`; throws commander's error for anything that is no day of the calendar. */
export function day(text: string): string {
  const at = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  if (Number.isNaN(at) || utcDay(at) !== text)
    throw new InvalidArgumentError('It must be a day, such as 2026-11-24.');
  return text;
}

export function refuseBackwards({ from, to }: DayRange): void {
  if (from !== undefined && to !== undefined && from > to)
    throw new UserError('usage', `--from ${from} is after --to ${to}: swap them.`);
}

import { InvalidArgumentError } from 'commander';
import { UserError } from '../../shared/base/errors.ts';
import { type DayRange, utcDay } from '../../shared/ledger/days.ts';

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

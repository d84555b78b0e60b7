import { InvalidArgumentError } from 'commander';
import { UserError } from '../shared/errors.ts';

const DAY_MS = 86_400_000;

/** Days as they stand in the ledger, both included. */
export interface DayRange {
  readonly from?: string;
  readonly to?: string;
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

/** Every day from the first to the last, both included; none where the first is later. */
export function daysBetween(first: string, last: string): string[] {
  const days: string[] = [];
  for (let at = Date.parse(`${first}T00:00:00Z`); utcDay(at) <= last; at += DAY_MS) days.push(utcDay(at));
  return days;
}

/** The day in UTC; `shiftDays` later, where given. */
export function utcDay(ms: number, shiftDays = 0): string {
  return new Date(ms + shiftDays * DAY_MS).toISOString().slice(0, 10);
}

import { utcDay } from '../base/time.ts';
import type { Head } from '../journal/objects.ts';

const DAY_MS = 86_400_000;

/** Days as they stand in the ledger, both included. */
export interface DayRange {
  readonly from?: string;
  readonly to?: string;
}

/** The ledger lies by day, and so a batch's entries lie in any day since it began: one short listing each. */
export function batchDays(
  { createdAt }: Pick<Head, 'createdAt'>,
  { from, to }: DayRange,
  nowMs: number,
): string[] {
  // A day more at both ends: days are local to whoever wrote them.
  const first = utcDay(Date.parse(createdAt), -1);
  const last = utcDay(nowMs, 1);
  return daysBetween(
    from === undefined || from < first ? first : from,
    to === undefined || to > last ? last : to,
  );
}

/** Every day from the first to the last, both included; none where the first is later. */
export function daysBetween(first: string, last: string): string[] {
  const days: string[] = [];
  for (let at = Date.parse(`${first}T00:00:00Z`); utcDay(at) <= last; at += DAY_MS) days.push(utcDay(at));
  return days;
}

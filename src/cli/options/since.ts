import { InvalidArgumentError } from 'commander';
import { BILLING_DAYS } from '../../shared/fal/limits.ts';
import { day } from './values.ts';

/** Resolves to ms since 1970. */
export type Since = (nowMs: number) => number;

const DAY_MS = 86_400_000;
/** A day less than fal keeps, since the day before the window is read too. */
export const MOST_DAYS = BILLING_DAYS - 2;

/** Reads `2026-11-24` (its first moment in the time zone of the process), `24h` or `7d`; throws commander's error. */
export function since(text: string): Since {
  const back = /^([1-9]\d{0,3})([hd])$/.exec(text);
  if (back !== null) {
    const ms = Number(back[1]) * (back[2] === 'h' ? 3_600_000 : DAY_MS);
    if (ms > MOST_DAYS * DAY_MS)
      throw new InvalidArgumentError(`fal keeps its bill for ${BILLING_DAYS} days: at most ${MOST_DAYS}d.`);
    return (nowMs) => nowMs - ms;
  }
  if (!/^\d{4}-/.test(text))
    throw new InvalidArgumentError('It must be a day, such as 2026-11-24, or 24h or 7d.');
  const [year = 0, month = 1, date = 1] = day(text).split('-').map(Number);
  const atMs = new Date(year, month - 1, date).getTime();
  return () => atMs;
}

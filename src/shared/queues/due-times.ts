import { Cron } from 'croner';

/** When a schedule is due. */
export type Rule =
  /** Five fields, read on the clock of the zone. */
  | { readonly kind: 'cron'; readonly cron: string; readonly tz: string }
  /** At the anchor and every so many milliseconds after it, whatever the clocks on the wall do. */
  | { readonly kind: 'every'; readonly everyMs: number; readonly anchorMs: number };

/** So that one look finds the last due time of a schedule that is due each minute, and of one of 29 February. */
const WINDOWS_MS = [3_600_000, 86_400_000, 32 * 86_400_000, 367 * 86_400_000, 9 * 366 * 86_400_000] as const;

/**
 * The first due time after `ms` (since 1970); undefined where there is none ever. BullMQ asks the same function
 * (`schedule-queue.ts`): its own, of cron-parser 5.10.3, leaves out a night at midnight where the clocks go forward at
 * midnight (Santiago, Cairo, Havana), runs twice in Troll, and throws at Lord Howe, which ends the schedule in silence.
 *
 * A cron that names its hour and minute is due once each day. Where the clocks jump over that time it is due in the
 * moment of the jump; where the time comes twice, at the first. One whose minute or hour begins with `*` goes by
 * the time that passes: never in the hour that is missing, in both that have the same name.
 *
 * Throws where the cron cannot be read or the zone does not exist.
 */
export function dueAfter(rule: Rule, ms: number): number | undefined {
  if (rule.kind === 'every') {
    const { everyMs, anchorMs } = rule;
    return ms < anchorMs ? anchorMs : anchorMs + (Math.floor((ms - anchorMs) / everyMs) + 1) * everyMs;
  }
  return cronOf(rule).nextRun(new Date(ms))?.getTime();
}

/** The last due time after `afterMs` and not after `nowMs`; undefined where there is none. Throws as `dueAfter` does. */
export function lastDue(rule: Rule, afterMs: number, nowMs: number): number | undefined {
  if (rule.kind === 'every') {
    const { everyMs, anchorMs } = rule;
    const last = anchorMs + Math.floor((nowMs - anchorMs) / everyMs) * everyMs;
    return last >= anchorMs && last > afterMs ? last : undefined;
  }
  for (const windowMs of WINDOWS_MS) {
    const from = Math.max(afterMs, nowMs - windowMs);
    let last: number | undefined;
    for (let due = dueAfter(rule, from); due !== undefined && due <= nowMs; due = dueAfter(rule, due))
      last = due;
    if (last !== undefined || from === afterMs) return last;
  }
  return undefined;
}

/** What BullMQ keeps of a rule, and hands back to ask for the next due time. */
export function patternOf(rule: Rule): { readonly pattern: string; readonly tz?: string } {
  return rule.kind === 'cron'
    ? { pattern: rule.cron, tz: rule.tz }
    : { pattern: `every ${rule.everyMs} ms from ${rule.anchorMs}` };
}

/** The other way round. */
export function ruleOfPattern(pattern: string, tz: string | undefined): Rule {
  const every = /^every (\d+) ms from (\d+)$/.exec(pattern);
  return every === null
    ? { kind: 'cron', cron: pattern, tz: tz ?? 'UTC' }
    : { kind: 'every', everyMs: Number(every[1]), anchorMs: Number(every[2]) };
}

function cronOf({ cron, tz }: Extract<Rule, { kind: 'cron' }>): Cron {
  // `paused`: it only answers questions, and sets no timer.
  return new Cron(cron, { timezone: tz, paused: true, mode: '5-part' });
}

import { nextDue } from '../../producer/schedules/run.ts';
import type { Definition, Schedule, ScheduleRun } from '../../producer/schedules/schedule.ts';
import { formatUsd, fromUsd, toUsd } from '../../shared/base/money.ts';
import type { Rule } from '../../shared/queues/due-times.ts';
import type { BatchStatus } from '../../shared/status/status.ts';
import { left, right, tableOf } from './tables.ts';

/** A schedule, its last run, and how that one's batch stands by now. */
export interface ScheduleState {
  readonly schedule: Schedule;
  readonly lastRun: ScheduleRun | undefined;
  readonly status: BatchStatus | undefined;
}

/** The public contract of `schedule list --json`: an array of these. */
export function scheduleJson({ schedule, lastRun, status }: ScheduleState, nowMs: number) {
  const { definition, paused } = schedule;
  const { rule, cap } = definition;
  const next = paused ? undefined : nextDue(definition, nowMs);
  return {
    name: definition.name,
    list: definition.list,
    cron: rule.kind === 'cron' ? rule.cron : null,
    tz: rule.kind === 'cron' ? rule.tz : null,
    everySeconds: rule.kind === 'every' ? rule.everyMs / 1_000 : null,
    overlap: definition.overlap,
    capUsd: cap === undefined ? null : toUsd(cap),
    state: paused ? 'paused' : 'active',
    nextRun: next === undefined ? null : new Date(next).toISOString(),
    lastRun: lastRun === undefined ? null : { ...runJson(lastRun), ...ended(status) },
  };
}

/** The public contract of `schedule run --json`. */
export function runJson({ due, at, outcome, batch, error }: ScheduleRun) {
  return {
    due: new Date(due).toISOString(),
    at: new Date(at).toISOString(),
    outcome,
    batch: batch ?? null,
    error: error ?? null,
  };
}

function ended(status: BatchStatus | undefined) {
  return { state: status?.state ?? null, costUsd: status?.money.spentUsd ?? null };
}

const COLUMNS = [
  left('schedule'),
  left('when'),
  left('next run'),
  left('last run'),
  left('outcome'),
  right('cost'),
  right('cap'),
];

/** One line a schedule; below it, why the last run of one was skipped or has failed. */
export function scheduleTable(states: readonly ScheduleState[], nowMs: number): string {
  const rows = states.map(({ schedule: { definition, paused }, lastRun, status }) => {
    const { rule, name, cap } = definition;
    const next = nextDue(definition, nowMs);
    return [
      name,
      ruleText(rule),
      paused ? 'paused' : next === undefined ? 'never' : timeText(next, rule),
      lastRun === undefined ? 'none yet' : timeText(lastRun.due, rule),
      lastRun === undefined ? '' : outcomeText(lastRun, status),
      status === undefined ? '' : formatUsd(fromUsd(status.money.spentUsd)),
      cap === undefined ? 'none' : formatUsd(cap),
    ];
  });
  const reasons = states.flatMap(({ schedule, lastRun }) =>
    lastRun?.error === undefined
      ? []
      : [`${schedule.definition.name} ${lastRun.outcome}: ${lastRun.error.replaceAll('\n', '\n  ')}`],
  );
  return [tableOf(COLUMNS, rows), ...reasons].join('\n');
}

/** `each 6h`, or the cron and its zone. */
function ruleText(rule: Rule): string {
  if (rule.kind === 'cron') return `${rule.cron} (${rule.tz})`;
  const seconds = rule.everyMs / 1_000;
  const [unit, length] = UNITS.find(([, size]) => seconds % size === 0) ?? ['s', 1];
  return `every ${seconds / length}${unit}`;
}

const UNITS = [
  ['w', 604_800],
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
] as const;

/** On the clock of the schedule's zone; an interval has none, so the one of this process. */
export function timeText(ms: number, rule: Rule): string {
  const zone = rule.kind === 'cron' ? { timeZone: rule.tz } : {};
  // Sweden's way of writing it is ISO's.
  return new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'short', ...zone }).format(ms);
}

function outcomeText({ outcome, batch }: ScheduleRun, status: BatchStatus | undefined): string {
  if (batch === undefined) return outcome;
  const stands = status === undefined ? '' : `, ${status.state}`;
  return `${outcome === 'nothing' ? 'nothing to pay' : outcome}${stands}: ${batch}`;
}

/** What it is, in one sentence. */
export function definitionText({ name, list, rule, overlap, cap }: Definition): string {
  const most = cap === undefined ? 'without a cap' : `at most ${formatUsd(cap)} a run`;
  const beside =
    overlap === 'skip' ? 'skipped while the run before goes on' : 'queued behind a run that still goes on';
  return `${name}: ${list}, ${ruleText(rule)}, ${most}, ${beside}`;
}

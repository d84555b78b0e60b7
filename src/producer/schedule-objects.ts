import { z } from 'zod';
import type { Rule } from '../shared/due-times.ts';

/** What the store holds of a schedule; each is parsed again when it is read. */

export const OVERLAPS = ['skip', 'queue'] as const;

const rule = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('cron'), cron: z.string(), tz: z.string() }),
  z.object({ kind: z.literal('every'), everyMs: z.int().min(1), anchorMs: z.int().min(0) }),
]) satisfies z.ZodType<Rule>;

/** All that a run needs to know. */
export const definition = z.object({
  name: z.string(),
  /** An absolute path, or `s3://bucket/key`: read anew by each run. */
  list: z.string(),
  rule,
  overlap: z.enum(OVERLAPS),
  /** Micro-dollars that one run may spend. */
  cap: z.int().min(0).optional(),
  priority: z.int().min(1),
  /** What `enqueue` was told besides, by commander's names. */
  options: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
});
export type Definition = z.infer<typeof definition>;

/** What a person did to a schedule, written before Redis acts on it. */
export const scheduleEvent = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('add'), at: z.int(), definition }),
  z.object({ kind: z.literal('pause'), at: z.int() }),
  z.object({ kind: z.literal('resume'), at: z.int() }),
  z.object({ kind: z.literal('remove'), at: z.int() }),
]);
export type ScheduleEvent = z.infer<typeof scheduleEvent>;

export const OUTCOMES = ['queued', 'nothing', 'skipped', 'failed'] as const;

/** What a run came to. */
export const scheduleRun = z.object({
  /** When it was due, ms since 1970; of a run that a person asked for, when that was. */
  due: z.int(),
  at: z.int(),
  /** `nothing`: every picture of the list exists, so that its batch costs nothing. */
  outcome: z.enum(OUTCOMES),
  /** What it queued. */
  batch: z.string().optional(),
  /** The batch of the last run before it that queued one. */
  before: z.string().optional(),
  /** Why it was skipped or has failed. */
  error: z.string().optional(),
});
export type ScheduleRun = z.infer<typeof scheduleRun>;

/** A schedule that is not removed. */
export interface Schedule {
  readonly definition: Definition;
  readonly paused: boolean;
  /** It was not due before this: added, changed or resumed. */
  readonly sinceMs: number;
}

/** Pure: what is left of all that people did to a schedule, in the order in which they did it. */
export function scheduleOf(events: readonly ScheduleEvent[]): Schedule | undefined {
  let schedule: Schedule | undefined;
  for (const event of events) {
    switch (event.kind) {
      case 'add':
        // What a person has paused stays so, also when it is changed.
        schedule = {
          definition: event.definition,
          paused: schedule?.paused ?? false,
          sinceMs: event.at,
        };
        break;
      case 'remove':
        schedule = undefined;
        break;
      case 'pause':
        schedule = schedule && { ...schedule, paused: true };
        break;
      case 'resume':
        schedule = schedule && { ...schedule, paused: false, sinceMs: event.at };
        break;
    }
  }
  return schedule;
}

/** Whether two definitions say the same. An interval that goes on counts from where it began. */
export function isSame(a: Definition, b: Definition): boolean {
  return canonical(a) === canonical(b);
}

function canonical({ rule, options, ...rest }: Definition): string {
  const when = rule.kind === 'every' ? rule.everyMs : [rule.cron, rule.tz];
  const sorted = Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([when, sorted, rest.name, rest.list, rest.overlap, rest.cap ?? null, rest.priority]);
}

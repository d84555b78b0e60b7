import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { OVERLAPS } from '../../shared/base/choices.ts';
import { defaultRegistry } from '../../shared/models/registry.ts';
import type { Rule } from '../../shared/queues/due-times.ts';
import { attributeOf } from '../shots/options.ts';

/** What the store holds of a schedule; each is parsed again when it is read. */

const rule = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('cron'), cron: z.string(), tz: z.string() }),
  z.strictObject({ kind: z.literal('every'), everyMs: z.int().min(1), anchorMs: z.int().min(0) }),
]) satisfies z.ZodType<Rule>;

/** The options that a run hands on to `enqueue`, by commander's names, beside those of the models' inputs. */
const OPTIONS = {
  /** The text itself: what stood in a file was read when the schedule was added. */
  template: z.string(),
  model: z.string(),
  variants: z.string(),
  /** The name of a recipe that ships; of a user's own see `ownRecipe`. */
  recipe: z.string().regex(/^[A-Za-z0-9_-]+$/, 'is no name of a recipe'),
  allowUnlabelled: z.literal(true),
  names: z.string(),
  ignore: z.array(z.string()),
  proof: z.int(),
  prune: z.literal(true),
  regenerate: z.int(),
  onDone: z.string(),
} as const;

const inputs = Object.fromEntries(
  defaultRegistry().models.flatMap((model) =>
    model.inputs.map(
      ({ flag }) => [attributeOf(flag), z.union([z.string(), z.boolean()]).optional()] as const,
    ),
  ),
);

/** Options that `enqueue` knows, and no other. */
export const definitionOptions = z.strictObject({ ...z.strictObject(OPTIONS).partial().shape, ...inputs });

/** All that a run needs to know. No path but the list's, and none that a run would open for another reason. */
export const definition = z
  .strictObject({
    name: z.string(),
    /** An absolute path, or `s3://bucket/key`: read again by each run. */
    list: z
      .string()
      .refine(
        (text) => isAbsolute(text) || text.startsWith('s3://'),
        'is no absolute path and no s3:// address; lists at web addresses are not read yet',
      ),
    rule,
    overlap: z.enum(OVERLAPS),
    /** Micro-dollars that one run may spend. */
    cap: z.int().min(0).optional(),
    /** A user said that a run may spend without a cap. */
    unlimited: z.literal(true).optional(),
    priority: z.int().min(1),
    /** A user's own recipe with its watermarks, as it was when the schedule was added (`packRecipe`). */
    ownRecipe: z.string().optional(),
    options: definitionOptions,
  })
  .refine(
    ({ cap, unlimited }) => (cap === undefined) === (unlimited === true),
    'has neither a cap nor "unlimited"',
  );
export type Definition = z.infer<typeof definition>;

/** What a person did to a schedule, written before Redis acts on it. */
export const scheduleEvent = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('add'), at: z.int(), definition, signature: z.string().optional() }),
  z.object({ kind: z.literal('pause'), at: z.int() }),
  z.object({ kind: z.literal('resume'), at: z.int(), signature: z.string().optional() }),
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

/** The batch of a run. Pure: by the second only where it is not due at a whole minute. */
export function batchOf(name: string, dueMs: number): string {
  const [day = '', time = ''] = new Date(dueMs).toISOString().replace(/[-:]/g, '').split('T');
  const seconds = time.slice(4, 6);
  return `${name}-${day}T${time.slice(0, 4)}${seconds === '00' ? '' : seconds}Z`;
}

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
  const { name, list, overlap, cap, priority, ownRecipe } = rest;
  return JSON.stringify([when, sorted, name, list, overlap, cap ?? null, priority, ownRecipe ?? null]);
}

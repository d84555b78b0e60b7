import { messageOf, UserError } from '../../shared/base/errors.ts';
import type { Logger } from '../../shared/base/log.ts';
import type { Clock } from '../../shared/base/time.ts';
import { dueAfter, lastDue } from '../../shared/queues/due-times.ts';
import { MAX_BROKEN_STARTS, type ScheduleStarts } from '../../shared/redis/schedule-starts.ts';
import { PlanBrokenError } from '../child/limits.ts';
import { batchOf, type Definition, type ScheduleRun } from './schedule.ts';
import type { Schedules } from './schedules.ts';

export interface RunDeps {
  readonly schedules: Pick<Schedules, 'read' | 'readRun' | 'lastRun' | 'writeRun'>;
  /**
   * Reads the list as it is now, and queues it as this batch; a repeat is harmless, also with another list. `nothing`:
   * none of it is to be paid. Rejects with a `UserError` where a person must mend something, such as the list.
   * `onPlanned` is called when the list is planned, and before anything is queued.
   */
  readonly queue: (
    definition: Definition,
    batch: string,
    signal: AbortSignal,
    onPlanned: () => Promise<void>,
  ) => Promise<'queued' | 'nothing'>;
  readonly starts: Pick<ScheduleStarts, 'begin' | 'over'>;
  /** Rings again, for another due time. A repeat is harmless. */
  readonly ring: (name: string, dueMs: number) => Promise<void>;
  /** Why a batch is not at its end; undefined where it is, or there is none. */
  readonly underway: (batch: string) => Promise<string | undefined>;
  /** Takes secrets out of words that came from outside. */
  readonly clean: (text: string) => string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The bell has rung. */
export interface Ring {
  readonly name: string;
  readonly dueMs: number;
  /** It rang for this before, and the run broke off. */
  readonly isRepeat: boolean;
}

/**
 * Runs what is due: once for all times that were missed, as the batch of the last of them. Resolves to undefined where
 * there is nothing to run (removed, paused, changed since, or left to another ring). Whatever a person must mend is
 * recorded as a failed run; all else rejects (Redis or the store is away), to be tried again.
 */
export async function runDue(
  ring: Ring,
  signal: AbortSignal,
  deps: RunDeps,
): Promise<ScheduleRun | undefined> {
  const { name, dueMs, isRepeat } = ring;
  const schedule = await deps.schedules.read(name, signal);
  if (schedule === undefined || schedule.paused || dueMs <= schedule.sinceMs) return undefined;
  const { rule } = schedule.definition;
  const now = deps.clock();
  const missed = lastDue(rule, dueMs, now);
  if (isRepeat && missed !== undefined) {
    // All that wait for the same time become one: while the store is away they would be ever more.
    await deps.ring(name, missed);
    return undefined;
  }
  return await run(schedule.definition, missed ?? dueMs, signal, deps);
}

/** Runs it now, because a person says so: paused or not, and whatever else is under way. */
export async function runNow(
  definition: Definition,
  signal: AbortSignal,
  deps: RunDeps,
): Promise<ScheduleRun> {
  const secondMs = 1_000;
  const now = Math.floor(deps.clock() / secondMs) * secondMs;
  return await run({ ...definition, overlap: 'queue' }, now, signal, { ...deps, starts: ONLY_START });
}

/** Nobody tries it again. */
const ONLY_START: RunDeps['starts'] = {
  begin: async () => MAX_BROKEN_STARTS - 1,
  over: async () => undefined,
};

/** The next time at which it is due after a moment; undefined where it never is. */
export function nextDue({ rule }: Definition, nowMs: number): number | undefined {
  return dueAfter(rule, nowMs);
}

async function run(
  definition: Definition,
  due: number,
  signal: AbortSignal,
  deps: RunDeps,
): Promise<ScheduleRun> {
  const { schedules, clock, log } = deps;
  const { name } = definition;
  const done = await schedules.readRun(name, due, signal);
  if (done !== undefined) return done;
  const last = await schedules.lastRun(name, clock(), signal);
  const before = last?.batch ?? last?.before;
  const came = await outcomeOf(definition, batchOf(name, due), before, signal, deps);
  const record = { due, at: clock(), ...came, ...(before === undefined ? {} : { before }) };
  const standing = await schedules.writeRun(name, record, signal);
  const { outcome, batch, error } = standing;
  const told = { schedule: name, due: new Date(due).toISOString(), outcome, batch, error };
  if (outcome === 'failed') log.error(told, 'scheduled run failed');
  else log.info(told, 'scheduled run');
  return standing;
}

async function outcomeOf(
  definition: Definition,
  batch: string,
  before: string | undefined,
  signal: AbortSignal,
  { queue, underway, clean, starts }: RunDeps,
): Promise<Pick<ScheduleRun, 'outcome' | 'batch' | 'error'>> {
  if (definition.overlap === 'skip' && before !== undefined && before !== batch) {
    const reason = await underway(before);
    if (reason !== undefined) return { outcome: 'skipped', error: `${before} has not ended: ${reason}` };
  }
  const { name } = definition;
  const over = () => starts.over(name);
  const broken = await starts.begin(name);
  if (broken >= MAX_BROKEN_STARTS) {
    await over();
    return { outcome: 'failed', error: diedSentence(name) };
  }
  try {
    return { outcome: await queue(definition, batch, signal, over), batch };
  } catch (error) {
    // Stays counted: the machine may have been short of memory just then, so it has one more start.
    if (error instanceof PlanBrokenError && broken + 1 < MAX_BROKEN_STARTS) throw error;
    await over();
    if (!(error instanceof UserError) || WAITED_FOR.has(error.code)) throw error;
    return { outcome: 'failed', error: beginning(clean(messageOf(error))) };
  }
}

function diedSentence(name: string): string {
  return `The worker ended ${MAX_BROKEN_STARTS} times while it planned the list. Nothing was queued. Look at the list and at the log of the worker, then run it again: shotlist schedule run ${name}`;
}

/** No fault of the list: a person is told elsewhere, and the run comes when it is mended. */
const WAITED_FOR: ReadonlySet<string> = new Set(['redis_lost', 'redis_away']);

const KEPT_LINES = 5;
const KEPT_CHARACTERS = 1_000;

/** A list may have a thousand faults. */
function beginning(text: string): string {
  const lines = text.split('\n');
  const kept = lines.slice(0, KEPT_LINES).join('\n').slice(0, KEPT_CHARACTERS);
  return kept === text ? text : `${kept} …`;
}

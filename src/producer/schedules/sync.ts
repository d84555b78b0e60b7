import { isOdd, messageOf } from '../../shared/base/errors.ts';
import type { Logger } from '../../shared/base/log.ts';
import type { Clock } from '../../shared/base/time.ts';
import { lastDue, patternOf, type Rule } from '../../shared/queues/due-times.ts';
import type { ScheduleQueue } from '../../shared/queues/schedule-queue.ts';
import type { Schedule } from './schedule.ts';
import type { Schedules } from './schedules.ts';

export interface SyncDeps {
  readonly schedules: Pick<Schedules, 'all' | 'readRun'>;
  readonly queue: Pick<ScheduleQueue, 'standing' | 'upsert' | 'remove' | 'addLate'>;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Synced {
  /** Schedules that are to fire. */
  readonly active: number;
  /** Those among them that Redis did not have, or had otherwise. */
  readonly restored: readonly string[];
}

/**
 * Brings BullMQ's schedulers in line with the store: after a lost Redis they come back, and a due time that nobody was
 * there for is caught up once. Safe to repeat, and beside other workers that do the same.
 */
export async function syncSchedules(deps: SyncDeps, signal?: AbortSignal): Promise<Synced> {
  const { schedules, queue, log } = deps;
  const all = await schedules.all((folder, error) => {
    log.error({ schedule: folder, error: messageOf(error) }, 'schedule is damaged');
  }, signal);
  const active = new Map(
    all.filter(({ paused }) => !paused).map((one) => [one.definition.name, one] as const),
  );
  const standing = new Map((await queue.standing()).map((one) => [one.name, one] as const));
  for (const name of standing.keys()) if (!active.has(name)) await queue.remove(name);
  const restored: string[] = [];
  for (const [name, schedule] of active) {
    const there = standing.get(name);
    // One that stands may hold a run that is late: to write it anew would forget that.
    if (there?.isAlive === true && isEqual(there.rule, schedule.definition.rule)) continue;
    await queue.upsert(name, schedule.definition.rule);
    restored.push(name);
    try {
      await catchUp(schedule, deps, signal);
    } catch (error) {
      if (!isOdd(error)) throw error;
      // Its last run may have been queued: nothing of that time is queued again.
      log.error({ schedule: name, error: error.message }, 'a missed run is not caught up');
    }
  }
  if (restored.length > 0) log.info({ schedules: restored }, 'schedules restored in Redis');
  return { active: active.size, restored };
}

async function catchUp(
  { definition: { name, rule }, sinceMs }: Schedule,
  { schedules, queue, clock }: SyncDeps,
  signal: AbortSignal | undefined,
): Promise<void> {
  const due = lastDue(rule, sinceMs, clock());
  if (due === undefined || (await schedules.readRun(name, due, signal)) !== undefined) return;
  await queue.addLate(name, due);
}

function isEqual(a: Rule, b: Rule): boolean {
  const [one, other] = [patternOf(a), patternOf(b)];
  return one.pattern === other.pattern && one.tz === other.tz;
}

import { randomBytes } from 'node:crypto';
import pMap from 'p-map';
import { nextDue } from '../producer/schedules/run.ts';
import type { Definition, Schedule, ScheduleRun } from '../producer/schedules/schedule.ts';
import type { Schedules } from '../producer/schedules/schedules.ts';
import { isOdd, messageOf, UserError } from '../shared/base/errors.ts';
import { nearest } from '../shared/base/nearest.ts';
import { systemClock } from '../shared/base/time.ts';
import type { ScheduleQueue } from '../shared/queues/schedule-queue.ts';
import { readStatus } from '../shared/status/read-status.ts';
import type { BatchStatus } from '../shared/status/status.ts';
import type { Notices } from './plan-list.ts';
import type { Shop } from './services.ts';

export interface ScheduleServices {
  readonly shop: Shop;
  readonly schedules: Schedules;
  readonly queue: ScheduleQueue;
  readonly notices: Notices;
  /** Whether simulated work lies beside, which real work does not see. */
  readonly simulatedElsewhere: boolean;
}

/** A schedule, its last run, and how that one's batch stands by now. */
export interface ScheduleState {
  readonly schedule: Schedule;
  readonly lastRun: ScheduleRun | undefined;
  readonly status: BatchStatus | undefined;
}

const READS_AT_ONCE = 16;

/** Every schedule, with how its last run went. */
export async function listSchedules(
  services: ScheduleServices,
  nowMs: number,
  signal: AbortSignal,
): Promise<ScheduleState[]> {
  const { schedules } = services;
  return await pMap(
    await allSchedules(services, signal),
    async (schedule) => {
      const lastRun = await schedules.lastRun(schedule.definition.name, nowMs, signal);
      const batch = lastRun?.batch;
      const status = batch === undefined ? undefined : await statusOrWarning(services, batch);
      return { schedule, lastRun, status };
    },
    { concurrency: READS_AT_ONCE },
  );
}

/** A batch that cannot be read hides no schedule. */
async function statusOrWarning(
  { shop, notices }: ScheduleServices,
  batch: string,
): Promise<BatchStatus | undefined> {
  try {
    return await readStatus(shop, batch);
  } catch (error) {
    if (!isOdd(error)) throw error;
    notices.warn(messageOf(error));
    return undefined;
  }
}

/** It is not due until it is resumed. What it has queued goes on. */
export async function pauseSchedule(
  services: ScheduleServices,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const { paused } = await knownSchedule(services, name, signal);
  if (!paused) await change(services, name, 'pause', signal);
  await services.queue.remove(name);
}

/** It is due again, from now on. Resolves to when; undefined: never. */
export async function resumeSchedule(
  services: ScheduleServices,
  name: string,
  signal: AbortSignal,
): Promise<{ readonly definition: Definition; readonly nextMs: number | undefined }> {
  const { paused, definition } = await knownSchedule(services, name, signal);
  if (paused) {
    await change(services, name, 'resume', signal);
    await services.queue.upsert(name, definition.rule);
  }
  return { definition, nextMs: nextDue(definition, systemClock()) };
}

/** It is not due any more. What it has queued goes on, and is paid. */
export async function removeSchedule(
  services: ScheduleServices,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  await knownSchedule(services, name, signal);
  await change(services, name, 'remove', signal);
  await services.queue.remove(name);
}

/** Throws a `UserError` that names the one that was meant, where there is none of that name. */
export async function knownSchedule(
  services: ScheduleServices,
  name: string,
  signal: AbortSignal,
): Promise<Schedule> {
  const schedule = await services.schedules.read(name, signal);
  if (schedule !== undefined) return schedule;
  const names = (await allSchedules(services, signal)).map(({ definition }) => definition.name);
  const near = nearest(name, names);
  const hint =
    near !== undefined
      ? `did you mean ${near}?`
      : services.simulatedElsewhere
        ? 'add --simulate if it was added with it.'
        : 'shotlist schedule list names them.';
  throw new UserError('unknown_schedule', `There is no schedule ${name}: ${hint}`);
}

/** A name that no other event of the same millisecond has. */
export function scheduleEventId(): string {
  return randomBytes(6).toString('hex');
}

/** Every schedule there is; one that is damaged is told, and the others come all the same. */
async function allSchedules(
  { schedules, notices }: Pick<ScheduleServices, 'schedules' | 'notices'>,
  signal: AbortSignal,
): Promise<Schedule[]> {
  return await schedules.all(
    (folder, error) => notices.warn(`schedule ${folder}: ${messageOf(error)}`),
    signal,
  );
}

async function change(
  { schedules }: Pick<ScheduleServices, 'schedules'>,
  name: string,
  kind: 'pause' | 'resume' | 'remove',
  signal: AbortSignal,
): Promise<void> {
  await schedules.change(name, { kind, at: systemClock() }, scheduleEventId(), signal);
}

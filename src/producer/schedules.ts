import type { z } from 'zod';
import { MalformedError } from '../shared/errors.ts';
import { foldersIn } from '../shared/folders.ts';
import { putJsonOnce, putOrReadJson, readJson, readListedJson } from '../shared/json-objects.ts';
import { encodeSegment, objectKeys } from '../shared/keys.ts';
import type { ObjectStore } from '../shared/object-store.ts';
import { optional } from '../shared/time.ts';
import {
  type Schedule,
  type ScheduleEvent,
  type ScheduleRun,
  scheduleEvent,
  scheduleOf,
  scheduleRun,
} from './schedule-objects.ts';

export interface SchedulesDeps {
  readonly store: ObjectStore;
}

/** Where the newest run is looked for first, so that one of a year of minutes is found without listing them all. */
const WINDOWS_MS = [86_400_000, 40 * 86_400_000, Number.POSITIVE_INFINITY] as const;

/**
 * The schedules in the store, where they are safe from a lost Redis: what people did to each, and what its runs came
 * to. All of it is create-once. Every method rejects as the store does, and with a `MalformedError` on what is damaged.
 */
export class Schedules {
  readonly #store: ObjectStore;

  constructor({ store }: SchedulesDeps) {
    this.#store = store;
  }

  /** undefined where there is none, or it was removed. */
  async read(name: string, signal?: AbortSignal): Promise<Schedule | undefined> {
    return await this.#readFolder(encodeSegment(name), signal);
  }

  /** All that are not removed, by name. One that is damaged goes to `broken`, and the others come all the same. */
  async all(broken: (folder: string, error: unknown) => void, signal?: AbortSignal): Promise<Schedule[]> {
    const found: Schedule[] = [];
    for await (const folder of foldersIn(this.#store, objectKeys.schedules, signal)) {
      try {
        const schedule = await this.#readFolder(folder, signal);
        if (schedule !== undefined) found.push(schedule);
      } catch (error) {
        if (!(error instanceof MalformedError)) throw error;
        broken(folder, error);
      }
    }
    return found;
  }

  async writeEvent(name: string, value: ScheduleEvent, id: string, signal?: AbortSignal): Promise<void> {
    await this.#once(objectKeys.scheduleEvent(name, value.at, id), value, signal);
  }

  /** Resolves to the run that stands: the first one written. */
  async writeRun(name: string, value: ScheduleRun, signal?: AbortSignal): Promise<ScheduleRun> {
    const key = objectKeys.scheduleRun(name, value.due);
    return (await putOrReadJson(this.#store, key, { value, schema: scheduleRun }, signal)).value;
  }

  async readRun(name: string, dueMs: number, signal?: AbortSignal): Promise<ScheduleRun | undefined> {
    return await this.#read(objectKeys.scheduleRun(name, dueMs), scheduleRun, signal);
  }

  /** The newest run; `nowMs` only says where to look for it first. */
  async lastRun(name: string, nowMs: number, signal?: AbortSignal): Promise<ScheduleRun | undefined> {
    const prefix = objectKeys.scheduleRuns(name);
    for (const windowMs of WINDOWS_MS) {
      const from = Math.max(0, nowMs - windowMs);
      const after = objectKeys.scheduleRun(name, from);
      let last: string | undefined;
      for await (const { key } of this.#store.list(prefix, { after, ...optional(signal) })) last = key;
      if (last !== undefined) return await readListedJson(this.#store, last, scheduleRun, signal);
    }
    return undefined;
  }

  async #readFolder(folder: string, signal: AbortSignal | undefined): Promise<Schedule | undefined> {
    const events: ScheduleEvent[] = [];
    const prefix = `${objectKeys.schedules}${folder}/events/`;
    for await (const { key } of this.#store.list(prefix, optional(signal))) {
      events.push(await readListedJson(this.#store, key, scheduleEvent, signal));
    }
    return scheduleOf(events);
  }

  async #once(key: string, value: unknown, signal: AbortSignal | undefined): Promise<boolean> {
    return await putJsonOnce(this.#store, key, value, signal);
  }

  async #read<T>(key: string, schema: z.ZodType<T>, signal: AbortSignal | undefined): Promise<T | undefined> {
    return await readJson(this.#store, key, schema, signal);
  }
}

import type { z } from 'zod';
import { MalformedError } from '../../shared/base/errors.ts';
import { optional } from '../../shared/base/time.ts';
import { foldersIn } from '../../shared/store/folders.ts';
import { encodeSegment, objectKeys } from '../../shared/store/keys.ts';
import type { ObjectStore } from '../../shared/store/object-store.ts';
import { putJsonOnce, putOrReadJson, readJson, readListedJson } from '../../shared/store/objects.ts';
import {
  type Schedule,
  type ScheduleEvent,
  type ScheduleRun,
  scheduleEvent,
  scheduleOf,
  scheduleRun,
} from './schedule.ts';
import type { ScheduleSigner } from './signer.ts';

export interface SchedulesDeps {
  readonly store: ObjectStore;
  /** undefined: for who only looks, since nothing can be told of signatures without the key. */
  readonly signer?: ScheduleSigner | undefined;
}

/** Where the newest run is looked for first, so that one of a year of minutes is found without listing them all. */
const WINDOWS_MS = [86_400_000, 40 * 86_400_000, Number.POSITIVE_INFINITY] as const;

/**
 * The schedules in the store, where they are safe from a lost Redis: what people did to each, and what its runs came
 * to. All of it is create-once. Every method rejects as the store does, and with a `MalformedError` on what is damaged.
 */
export class Schedules {
  readonly #store: ObjectStore;
  readonly #signer: ScheduleSigner | undefined;

  constructor({ store, signer }: SchedulesDeps) {
    this.#store = store;
    this.#signer = signer;
  }

  /** undefined where there is none, or it was removed, or nothing signed is left of it. */
  async read(name: string, signal?: AbortSignal): Promise<Schedule | undefined> {
    return (await this.#readFolder(encodeSegment(name), signal)).schedule;
  }

  /** All that are not removed, by name. One that is damaged goes to `broken`, and the others come all the same. */
  async all(broken: (folder: string, error: unknown) => void, signal?: AbortSignal): Promise<Schedule[]> {
    const found: Schedule[] = [];
    for await (const folder of foldersIn(this.#store, objectKeys.schedules, signal)) {
      try {
        const { schedule, unsigned } = await this.#readFolder(folder, signal);
        if (schedule !== undefined) found.push(schedule);
        if (unsigned !== undefined) broken(folder, new MalformedError(unsignedSentence(unsigned)));
      } catch (error) {
        if (!(error instanceof MalformedError)) throw error;
        broken(folder, error);
      }
    }
    return found;
  }

  async writeEvent(name: string, value: ScheduleEvent, id: string, signal?: AbortSignal): Promise<void> {
    const signed =
      this.#signer !== undefined && (value.kind === 'add' || value.kind === 'resume')
        ? { ...value, signature: this.#signer.sign(encodeSegment(name), value) }
        : value;
    await this.#once(objectKeys.scheduleEvent(name, value.at, id), signed, signal);
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

  /** What stops a schedule needs no signature; what lets it run, or says what, does. `unsigned`: the key of the last without. */
  async #readFolder(
    folder: string,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly schedule: Schedule | undefined; readonly unsigned: string | undefined }> {
    const events: ScheduleEvent[] = [];
    let unsigned: string | undefined;
    const prefix = `${objectKeys.schedules}${folder}/events/`;
    for await (const { key } of this.#store.list(prefix, optional(signal))) {
      const event = await readListedJson(this.#store, key, scheduleEvent, signal);
      if (this.#isBelieved(folder, key, event)) events.push(event);
      else unsigned = key;
    }
    return { schedule: scheduleOf(events), unsigned };
  }

  #isBelieved(folder: string, key: string, event: ScheduleEvent): boolean {
    if (this.#signer === undefined || event.kind === 'pause' || event.kind === 'remove') return true;
    // Under another time or another name it would be a word of ours, said where nobody said it.
    const at = String(event.at).padStart(14, '0');
    if (!key.startsWith(`${objectKeys.schedules}${folder}/events/${at}-`)) return false;
    if (event.kind === 'add' && encodeSegment(event.definition.name) !== folder) return false;
    return this.#signer.isSigned(folder, event);
  }

  async #once(key: string, value: unknown, signal: AbortSignal | undefined): Promise<boolean> {
    return await putJsonOnce(this.#store, key, value, signal);
  }

  async #read<T>(key: string, schema: z.ZodType<T>, signal: AbortSignal | undefined): Promise<T | undefined> {
    return await readJson(this.#store, key, schema, signal);
  }
}

function unsignedSentence(key: string): string {
  return `${key} is not signed with this program's key, so it counts for nothing. If it is yours, add the schedule again with the FAL_KEY or SCHEDULE_KEY that the workers have.`;
}

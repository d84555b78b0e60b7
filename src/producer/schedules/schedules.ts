import type { z } from 'zod';
import { MalformedError, UserError } from '../../shared/base/errors.ts';
import { foldersIn } from '../../shared/store/folders.ts';
import { encodeSegment, objectKeys } from '../../shared/store/keys.ts';
import type { ObjectStore } from '../../shared/store/object-store.ts';
import { putJsonOnce, putOrReadJson, readJson, readListedJson } from '../../shared/store/objects.ts';
import { EVENT_NAME, isTooLate, ownKeys, RUN_NAME } from '../../shared/store/own-keys.ts';
import {
  batchOf,
  isSame,
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
        const { schedule, refused } = await this.#readFolder(folder, signal);
        if (schedule !== undefined) found.push(schedule);
        if (refused !== undefined) broken(folder, new MalformedError(refused));
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

  /**
   * `writeEvent`, and reads back what counts now. Rejects with a `UserError` (`schedule_blocked`) if an event of a later
   * time says otherwise: what stops a schedule needs no signature, so anybody who writes to the bucket can date it ahead.
   */
  async change(name: string, event: ScheduleEvent, id: string, signal?: AbortSignal): Promise<void> {
    await this.writeEvent(name, event, id, signal);
    const { schedule, newest } = await this.#readFolder(encodeSegment(name), signal);
    if (newest === undefined || isAsSaid(event, schedule)) return;
    throw new UserError(
      'schedule_blocked',
      `${name} is not as you asked: ${newest.key} is dated ${new Date(newest.at).toISOString()}, later than now, and it counts. If it is not yours, delete that object; if it is, correct the clock of the machine that wrote it. Then run the command again.`,
    );
  }

  /** Resolves to the run that stands: the first one written. */
  async writeRun(name: string, value: ScheduleRun, signal?: AbortSignal): Promise<ScheduleRun> {
    const key = objectKeys.scheduleRun(name, value.due);
    return (await putOrReadJson(this.#store, key, { value, schema: scheduleRun }, signal)).value;
  }

  async readRun(name: string, dueMs: number, signal?: AbortSignal): Promise<ScheduleRun | undefined> {
    return await this.#read(objectKeys.scheduleRun(name, dueMs), scheduleRun, signal);
  }

  /** The newest run. One that is damaged reads as failed, with the batch that its due time names. `nowMs` says where to look for it first, and which names lie too far ahead to be runs. */
  async lastRun(name: string, nowMs: number, signal?: AbortSignal): Promise<ScheduleRun | undefined> {
    const prefix = objectKeys.scheduleRuns(name);
    // One of a far day would be the newest for good.
    const isOurs = (run: string) => RUN_NAME(run) && !isTooLate(run, nowMs);
    for (const windowMs of WINDOWS_MS) {
      const from = Math.max(0, nowMs - windowMs);
      const after = objectKeys.scheduleRun(name, from);
      let last: string | undefined;
      for await (const key of ownKeys(this.#store, { prefix, isOurs, after }, signal)) last = key;
      if (last !== undefined) return await this.#readLast(name, last, signal);
    }
    return undefined;
  }

  async #readLast(name: string, key: string, signal: AbortSignal | undefined): Promise<ScheduleRun> {
    try {
      return await readListedJson(this.#store, key, scheduleRun, signal);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      const due = Number(key.slice(-'00000000000000.json'.length, -'.json'.length));
      // It may have been queued: the next run looks at how far that batch is.
      return { due, at: due, outcome: 'failed', before: batchOf(name, due), error: error.message };
    }
  }

  /**
   * What stops a schedule needs no signature; what lets it run, or says what, does. `refused`: why the last event that
   * counts for nothing does so. `newest`: the last event that counts.
   */
  async #readFolder(
    folder: string,
    signal: AbortSignal | undefined,
  ): Promise<{
    readonly schedule: Schedule | undefined;
    readonly refused: string | undefined;
    readonly newest: { readonly key: string; readonly at: number } | undefined;
  }> {
    const events: ScheduleEvent[] = [];
    let refused: string | undefined;
    let newest: { readonly key: string; readonly at: number } | undefined;
    const prefix = `${objectKeys.schedules}${folder}/events/`;
    for await (const key of ownKeys(this.#store, { prefix, isOurs: EVENT_NAME }, signal)) {
      const event = await readListedJson(this.#store, key, scheduleEvent, signal);
      const fault = this.#faultOf(folder, key, event);
      if (fault !== undefined) refused = fault;
      else {
        events.push(event);
        newest = { key, at: event.at };
      }
    }
    return { schedule: scheduleOf(events), refused, newest };
  }

  /** Why an event counts for nothing; undefined if it counts. */
  #faultOf(folder: string, key: string, event: ScheduleEvent): string | undefined {
    // Under another time or another name it would be a word of ours, said where nobody said it.
    const at = String(event.at).padStart(14, '0');
    const isElsewhere =
      !key.startsWith(`${objectKeys.schedules}${folder}/events/${at}-`) ||
      (event.kind === 'add' && encodeSegment(event.definition.name) !== folder);
    if (isElsewhere)
      return `${key} says another time or name than its own, so it counts for nothing. No command writes such an object: delete it.`;
    if (this.#signer === undefined || event.kind === 'pause' || event.kind === 'remove') return undefined;
    return this.#signer.isSigned(folder, event) ? undefined : unsignedSentence(key);
  }

  async #once(key: string, value: unknown, signal: AbortSignal | undefined): Promise<boolean> {
    return await putJsonOnce(this.#store, key, value, signal);
  }

  async #read<T>(key: string, schema: z.ZodType<T>, signal: AbortSignal | undefined): Promise<T | undefined> {
    return await readJson(this.#store, key, schema, signal);
  }
}

/** Whether what counts is what an event said. */
function isAsSaid(event: ScheduleEvent, schedule: Schedule | undefined): boolean {
  switch (event.kind) {
    case 'add':
      return schedule !== undefined && isSame(schedule.definition, event.definition);
    case 'resume':
      return schedule?.paused === false;
    case 'pause':
      return schedule?.paused !== false;
    case 'remove':
      return schedule === undefined;
  }
}

function unsignedSentence(key: string): string {
  return `${key} is not signed with this program's key, so it counts for nothing. If it is yours, add the schedule again with the FAL_KEY or SCHEDULE_KEY that the workers have.`;
}

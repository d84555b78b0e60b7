import { realpath } from 'node:fs/promises';
import { relative, sep } from 'node:path';
import { Readable } from 'node:stream';
import { refuseToChoose } from '../operations/choose-model.ts';
import { type EnqueueListRequest, enqueueList } from '../operations/enqueue-list.ts';
import type { EnqueueOptions } from '../operations/enqueue-options.ts';
import type { Surroundings } from '../operations/plan-list.ts';
import type { Shop } from '../operations/services.ts';
import type { ListProcess } from '../producer/child/check-in-child.ts';
import type { RunDeps } from '../producer/schedules/run.ts';
import type { Schedules } from '../producer/schedules/schedules.ts';
import { type Config, type Environment, secretsOf } from '../shared/base/config.ts';
import { errorCodes, isOdd, UserError } from '../shared/base/errors.ts';
import { type Logger, redactor } from '../shared/base/log.ts';
import { systemClock } from '../shared/base/time.ts';
import { unpackRecipe } from '../shared/pictures/stored.ts';
import type { ScheduleQueue } from '../shared/queues/schedule-queue.ts';
import { ScheduleStarts } from '../shared/redis/schedule-starts.ts';
import { readStatus } from '../shared/status/read-status.ts';
import { type BatchStatus, isOver } from '../shared/status/status.ts';
import type { Stack } from './connections.ts';

export interface ScheduleRunOptions {
  readonly surroundings: Surroundings;
  /** Default: nobody is asked, as in a worker. */
  readonly ask?: Pick<EnqueueListRequest, 'chooseModel' | 'confirm'>;
  readonly shop: Shop;
  readonly stack: Stack;
  readonly config: Config;
  readonly schedules: Schedules;
  readonly queue: ScheduleQueue;
  readonly log: Logger;
  /** The process that reads and checks a list; default: the one that ships. */
  readonly lists?: ListProcess | undefined;
}

/** The cap, or the word of the user who added the schedule without one, is the answer. */
const NOBODY: Pick<EnqueueListRequest, 'chooseModel' | 'confirm'> = {
  chooseModel: async (choice) => refuseToChoose(choice),
  confirm: async () => undefined,
};

/** A scheduled run is what `enqueue` does with the same list and options, for the worker and for `schedule run`. */
export function scheduleRunDepsOf({
  surroundings,
  ask = NOBODY,
  shop,
  stack,
  config,
  schedules,
  queue,
  log,
  lists,
}: ScheduleRunOptions): RunDeps {
  return {
    schedules,
    starts: new ScheduleStarts({ redis: shop.redis, prefix: stack.prefix }),
    async queue({ list, options, priority, cap, ownRecipe }, batch, signal, onPlanned) {
      await assertBelow(config.scheduleFolder, list);
      const { template, recipe, ...others } = options;
      const asked = {
        ...others,
        ...(recipe === undefined ? {} : { recipe }),
        // Texts, and never paths or `@FILE`: what stood in files was read when the schedule was added.
        resolved: {
          ...(template === undefined ? {} : { template }),
          ...(ownRecipe === undefined
            ? {}
            : { recipe: unpackRecipe(Buffer.from(ownRecipe), 'The recipe of the schedule') }),
        },
        priority,
        batch,
        ...(cap === undefined ? {} : { cap }),
        ...(stack.simulated ? { simulate: true } : {}),
        // What `schedule add` stored of the same arguments, as the same parser gave them.
      } as EnqueueOptions;
      try {
        const { prefix, simulated } = stack;
        const given = {
          shop,
          config,
          prefix,
          simulated,
          command: 'enqueue',
          list,
          options: asked,
          lists,
        } as const;
        await enqueueList(surroundings, { ...given, ...ask, onPlanned }, signal);
      } catch (error) {
        if (!(error instanceof UserError) || error.code !== 'batch_taken') throw error;
        // It has rung for this time before, and the list is another one by now.
        await assertWhole(batch, shop, signal);
      }
      const head = await shop.journal.readHead(batch, signal);
      return head?.requests === 0 ? 'nothing' : 'queued';
    },
    ring: (name, dueMs) => queue.addLate(name, dueMs),
    async underway(batch) {
      const status = await statusOrWhy(shop, batch);
      if (typeof status === 'string') return status;
      if (status === undefined || isOver(status.state)) return undefined;
      return status.heldReason ?? `it is ${status.state}`;
    },
    clean: redactor([...secretsOf(surroundings.environment), ...stack.secrets]),
    clock: systemClock,
    log,
  };
}

/** Why a batch cannot be read, where that is so: it may be under way. */
async function statusOrWhy(shop: Shop, batch: string): Promise<BatchStatus | string | undefined> {
  try {
    return await readStatus(shop, batch);
  } catch (error) {
    if (!isOdd(error)) throw error;
    return error.message;
  }
}

/**
 * Links count as where they lead, and a path that leads nowhere counts as elsewhere. Throws a `UserError` if the list
 * does not lie below the folder.
 */
export async function assertBelow(folder: string | undefined, list: string): Promise<void> {
  if (folder === undefined || list.startsWith('s3://')) return;
  const root = await resolved(folder, `SCHEDULE_FOLDER (${folder}) cannot be opened`);
  const real = await resolved(
    list,
    `${list} cannot be found, so nobody knows whether it lies below SCHEDULE_FOLDER (${folder})`,
  );
  const [first] = relative(root, real).split(sep);
  if (first !== '' && first !== '..') return;
  throw new UserError(
    'schedule_folder',
    `${list} does not lie below SCHEDULE_FOLDER (${folder}): move it there, or schedule another list.`,
  );
}

async function resolved(path: string, fault: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    const code = errorCodes(error)[0] ?? 'unknown error';
    throw new UserError('schedule_folder', `${fault} (${code}): check the path and its rights.`, {
      cause: error,
    });
  }
}

/** A batch that was queued in part can never end: the next run must not wait for it. */
async function assertWhole(
  batch: string,
  { batches, journal }: Pick<Shop, 'batches' | 'journal'>,
  signal: AbortSignal,
): Promise<void> {
  if ((await batches.read(batch))?.complete === true) return;
  if ((await journal.readSummary(batch, signal)) !== undefined) return;
  throw new UserError(
    'list_changed',
    `The list was changed while it was being queued as ${batch}: the part that is queued goes on, and the next run takes the whole list.`,
  );
}

/** Of a run that nobody sees: what it says goes to the log. */
export function unseenSurroundings(environment: Environment, log: Logger): Surroundings {
  const say = (said: string) => log.debug({ said }, 'a scheduled run says');
  return {
    environment,
    // Lists and templates of schedules have absolute paths.
    cwd: '/',
    stdin: Readable.from([]),
    clock: systemClock,
    log,
    notices: { warn: say, note: say },
  };
}

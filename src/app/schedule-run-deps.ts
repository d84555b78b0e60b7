import { realpath } from 'node:fs/promises';
import { sep } from 'node:path';
import { Readable, Writable } from 'node:stream';
import type { Context } from '../cli/context.ts';
import type { ListArguments } from '../cli/options/list.ts';
import { queueList } from '../operations/enqueue-list.ts';
import type { Shop } from '../operations/services.ts';
import type { ListProcess } from '../producer/child/check-in-child.ts';
import type { RunDeps } from '../producer/schedules/run.ts';
import type { Schedules } from '../producer/schedules/schedules.ts';
import { type Config, type Environment, secretsOf } from '../shared/base/config.ts';
import { UserError } from '../shared/base/errors.ts';
import { type Logger, redactor } from '../shared/base/log.ts';
import { systemClock } from '../shared/base/time.ts';
import { unpackRecipe } from '../shared/pictures/stored.ts';
import type { ScheduleQueue } from '../shared/queues/schedule-queue.ts';
import { ScheduleStarts } from '../shared/redis/schedule-starts.ts';
import { readStatus } from '../shared/status/read-status.ts';
import { isOver } from '../shared/status/status.ts';
import type { Stack } from './connections.ts';

export interface ScheduleRunOptions {
  /** Whose words a run speaks with; it is never asked anything. */
  readonly context: Context;
  readonly shop: Shop;
  readonly stack: Stack;
  readonly config: Config;
  readonly schedules: Schedules;
  readonly queue: ScheduleQueue;
  readonly log: Logger;
  /** The process that reads and checks a list; default: the one that ships. */
  readonly lists?: ListProcess | undefined;
}

/** A scheduled run is what `enqueue` does with the same list and options, for the worker and for `schedule run`. */
export function scheduleRunDepsOf({
  context,
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
      const args = {
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
        // The cap, or the word of the user who added it without one, is the answer.
        yes: true,
        ...(stack.simulated ? { simulate: true } : {}),
        // What `schedule add` stored of the same arguments, as the same parser gave them.
      } as ListArguments;
      try {
        const given = { stack, shop, config, command: 'enqueue', list, args, lists, onPlanned } as const;
        await queueList({ ...context, signal }, given);
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
      const status = await readStatus(shop, batch);
      if (status === undefined || isOver(status.state)) return undefined;
      return status.heldReason ?? `it is ${status.state}`;
    },
    clean: redactor([...secretsOf(context.environment), ...stack.secrets]),
    clock: systemClock,
    log,
  };
}

/** Links count as where they lead. Throws a `UserError` where the list lies elsewhere; one that is not there is told when it is read. */
export async function assertBelow(folder: string | undefined, list: string): Promise<void> {
  if (folder === undefined || list.startsWith('s3://')) return;
  const [real, root] = await Promise.all([list, folder].map((path) => realpath(path).catch(() => path)));
  if (real?.startsWith(`${root}${sep}`) === true) return;
  throw new UserError(
    'schedule_folder',
    `${list} does not lie below SCHEDULE_FOLDER (${folder}): move it there, or schedule another list.`,
  );
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

/** The context of a run that nobody sees: what it says goes to the log. */
export function unseenContext(environment: Environment, log: Logger): Context {
  const silent = () =>
    new Writable({
      write(chunk, _encoding, done) {
        log.debug({ said: String(chunk).trimEnd() }, 'a scheduled run says');
        done();
      },
    });
  return {
    environment,
    // Lists and templates of schedules have absolute paths.
    cwd: '/',
    // Whoever holds a context writes to it, reads it, and asks whether it is a terminal; these are not.
    stdin: Readable.from([]) as unknown as NodeJS.ReadStream,
    stdout: silent() as unknown as NodeJS.WriteStream,
    stderr: silent() as unknown as NodeJS.WriteStream,
    signal: new AbortController().signal,
    clock: systemClock,
  };
}

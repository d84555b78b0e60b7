import type { Stack } from '../app/connections.ts';
import { signerOf } from '../app/schedule-signature.ts';
import { type Context, configOf, say } from '../cli/context.ts';
import { type OperatorArguments, simulatedElsewhere, withShop } from '../cli/open.ts';
import type { Schedule } from '../producer/schedules/schedule.ts';
import { Schedules } from '../producer/schedules/schedules.ts';
import { UserError } from '../shared/base/errors.ts';
import { nearest } from '../shared/base/nearest.ts';
import { ScheduleQueue } from '../shared/queues/schedule-queue.ts';
import type { Shop } from './services.ts';

export interface OpenedSchedules {
  readonly shop: Shop;
  readonly stack: Stack;
  readonly schedules: Schedules;
  readonly queue: ScheduleQueue;
}

/** For commands that look at schedules, or act on them. */
export async function withSchedules<T>(
  context: Context,
  args: OperatorArguments,
  use: (opened: OpenedSchedules) => Promise<T>,
): Promise<T> {
  return await withShop(context, args, async ({ shop, stack }) => {
    const { redisUrl: url, prefix } = stack;
    if (url === undefined) throw new UserError('not_configured', 'Set REDIS_URL.');
    await using queue = new ScheduleQueue({ url, prefix });
    return await use({
      shop,
      stack,
      schedules: new Schedules({ store: shop.store, signer: signerOf(configOf(context), stack) }),
      queue,
    });
  });
}

/** Every schedule there is; one that is damaged is told, and the others come all the same. */
export async function allSchedules(
  context: Context,
  { schedules }: Pick<OpenedSchedules, 'schedules'>,
): Promise<Schedule[]> {
  const damaged = (folder: string, error: unknown) =>
    say(context, `warning: schedule ${folder}: ${error instanceof Error ? error.message : String(error)}`);
  return await schedules.all(damaged, context.signal);
}

/** Throws a `UserError` that names the one that was meant, where there is none of that name. */
export async function knownSchedule(
  context: Context,
  args: OperatorArguments,
  name: string,
  opened: OpenedSchedules,
): Promise<Schedule> {
  const schedule = await opened.schedules.read(name, context.signal);
  if (schedule !== undefined) return schedule;
  const names = (await allSchedules(context, opened)).map(({ definition }) => definition.name);
  const near = nearest(name, names);
  const hint =
    near !== undefined
      ? `did you mean ${near}?`
      : simulatedElsewhere(context, args)
        ? 'add --simulate if it was added with it.'
        : 'shotlist schedule list names them.';
  throw new UserError('unknown_schedule', `There is no schedule ${name}: ${hint}`);
}

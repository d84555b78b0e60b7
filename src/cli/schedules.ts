import type { Stack } from '../app/connections.ts';
import type { ScheduleServices } from '../operations/schedules.ts';
import { Schedules } from '../producer/schedules/schedules.ts';
import { signerOf } from '../producer/schedules/signature.ts';
import { UserError } from '../shared/base/errors.ts';
import { ScheduleQueue } from '../shared/queues/schedule-queue.ts';
import { type Context, configOf, noticesOf } from './context.ts';
import { type OperatorArguments, simulatedElsewhere, withShop } from './open.ts';

export interface OpenedSchedules extends ScheduleServices {
  readonly stack: Stack;
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
      notices: noticesOf(context),
      simulatedElsewhere: simulatedElsewhere(context, args),
    });
  });
}

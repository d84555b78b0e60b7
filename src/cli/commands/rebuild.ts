import type { Stack } from '../../app/connections.ts';
import {
  type RebuildDeps,
  type Rebuilt,
  rebuildAll,
  rebuildBatch,
} from '../../operations/rebuild/rebuild.ts';
import type { Shop } from '../../operations/services.ts';
import { Schedules } from '../../producer/schedules/schedules.ts';
import { signerOf } from '../../producer/schedules/signature.ts';
import { syncSchedules } from '../../producer/schedules/sync.ts';
import { UserError } from '../../shared/base/errors.ts';
import { formatUsd, toUsd } from '../../shared/base/money.ts';
import { count } from '../../shared/base/text.ts';
import { systemClock } from '../../shared/base/time.ts';
import { settleRestored } from '../../shared/ledger/settle-restored.ts';
import { defaultRegistry } from '../../shared/models/registry.ts';
import { ScheduleQueue } from '../../shared/queues/schedule-queue.ts';
import { unfinished } from '../../shared/requests/batches.ts';
import { everyBatch } from '../../shared/requests/every-batch.ts';
import { rivalHash } from '../../shared/requests/input.ts';
import { giveJobs } from '../../shared/requests/requeue.ts';
import { Restore } from '../../shared/requests/restore.ts';
import { STATES } from '../../shared/requests/states.ts';
import { type Context, configOf, EXIT, type Exit, openLog, printJson, say } from '../context.ts';
import { type OperatorArguments, warnOf, withShop } from '../open.ts';

export interface RebuildArguments extends OperatorArguments {
  readonly yes?: true;
}

/** `rebuild [BATCH]`: restores from the store what is not at its end. Redis as it is counts for nothing. */
export async function rebuildCommand(
  context: Context,
  batch: string | undefined,
  args: RebuildArguments,
): Promise<Exit> {
  const { recordTtlH } = configOf(context);
  return await withShop(context, args, async ({ shop, stack }) => {
    const isLost = await redisIsLost(shop, context.signal);
    if (!isLost && args.yes !== true) await refuseLive(context, shop, batch);
    const deps = rebuildDepsOf(shop, { prefix: stack.prefix, ttlH: recordTtlH }, (line) =>
      say(context, line),
    );
    if (batch !== undefined && isLost) {
      // Caps count over all batches, and so do claims on pictures.
      say(context, 'Redis has lost more than this batch: everything that is not at its end is restored.');
    }
    const rebuilt =
      batch === undefined || isLost
        ? await rebuildAll(deps, context.signal)
        : await rebuildBatch(batch, deps, context.signal);
    if (batch === undefined || isLost) await restoreSchedules(context, shop, stack);
    if (args.json === true) printJson(context, rebuiltJson(rebuilt));
    else say(context, rebuiltSentence(rebuilt));
    return EXIT.ok;
  });
}

/** Otherwise the next worker with that role would do it, and nothing would be due until then. */
async function restoreSchedules(context: Context, shop: Shop, stack: Stack): Promise<void> {
  const { redisUrl: url, prefix, secrets } = stack;
  if (url === undefined) return;
  await using queue = new ScheduleQueue({ url, prefix });
  const log = openLog(context, configOf(context), { detail: 'quiet', secrets });
  const deps = {
    schedules: new Schedules({ store: shop.store, signer: signerOf(configOf(context), stack) }),
    queue,
    clock: systemClock,
    log,
  };
  const { restored } = await syncSchedules(deps, context.signal);
  if (restored.length > 0)
    say(context, `Restored ${count(restored.length, 'schedule')}: ${restored.join(', ')}.`);
}

/** Whether nothing that Redis holds can be relied on. */
export async function redisIsLost({ memory, batches }: Shop, signal: AbortSignal): Promise<boolean> {
  const stop = await batches.stopped();
  if (stop?.code === 'redis_lost' || stop?.code === 'rebuild') return true;
  try {
    await memory.open(signal);
    return false;
  } catch (error) {
    if (error instanceof UserError && error.code === 'redis_lost') return true;
    throw error;
  }
}

/** What cannot be read is not known to be live, and a rebuild is what mends it. */
async function refuseLive(context: Context, { batches }: Shop, batch: string | undefined): Promise<void> {
  const named = { read: batches.read.bind(batches), list: async () => (batch === undefined ? [] : [batch]) };
  const walked = batch === undefined ? batches : named;
  for await (const { batch: known, view } of everyBatch(walked, { onOdd: warnOf(context) })) {
    const live = view === undefined ? 0 : unfinished(view.counts);
    if (live > 0) {
      throw new UserError(
        'not_lost',
        `Redis knows ${count(live, 'request')} of ${known} that are under way and has lost nothing: there is nothing to rebuild. If it should be done all the same, add --yes.`,
      );
    }
  }
}

/** What a rebuild acts on, over an opened shop. */
export function rebuildDepsOf(
  shop: Shop,
  { prefix, ttlH }: { readonly prefix: string; readonly ttlH: number },
  tell: (line: string) => void,
): RebuildDeps {
  const { redis, store, journal, batches, records, due, queues, ended } = shop;
  const registry = defaultRegistry();
  const add = queues.add.bind(queues);
  return {
    store,
    journal,
    batches,
    restore: new Restore({ redis, prefix, ttlH }),
    due,
    ledger: (from, signal) => journal.listLedger({ from }, signal),
    settleCorrections: (signal) => settleRestored({ redis, prefix, store, journal, records }, signal),
    rivalHash: (row) => rivalHash({ row, model: registry.get(row.model) }),
    pauseSubmits: () => queues.pauseGenerate(),
    resumeSubmits: () => queues.resumeGenerate(),
    giveJobs: (batch, priority) => giveJobs(records.jobless(batch, 'sweep'), priority, add),
    ended,
    clock: systemClock,
    say: tell,
  };
}

function rebuiltJson({ batches, counts, spent, reserved }: Rebuilt) {
  const byState = Object.fromEntries(STATES.map((state) => [state, counts[state] ?? 0]));
  return {
    batches,
    requests: Object.values(byState).reduce((sum, one) => sum + one, 0),
    ...byState,
    spentUsd: toUsd(spent),
    reservedUsd: toUsd(reserved),
  };
}

function rebuiltSentence({ batches, counts, spent, reserved }: Rebuilt): string {
  const parts = STATES.flatMap((state) => {
    const of = counts[state] ?? 0;
    return of === 0 ? [] : [`${of} ${state}`];
  });
  const requests = parts.length === 0 ? 'no requests' : parts.join(', ');
  return `Restored ${batches.length === 1 ? '1 batch' : `${batches.length} batches`}: ${requests}; ${formatUsd(spent)} spent, ${formatUsd(reserved)} reserved. Workers that run go on by themselves.`;
}

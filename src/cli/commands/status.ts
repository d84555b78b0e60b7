import pMap from 'p-map';
import type { Shop } from '../../operations/services.ts';
import { UserError } from '../../shared/base/errors.ts';
import { systemClock } from '../../shared/base/time.ts';
import type { BatchView } from '../../shared/requests/batches.ts';
import { readStops } from '../../shared/requests/endpoint-stops.ts';
import { everyBatch } from '../../shared/requests/every-batch.ts';
import { statusOf } from '../../shared/status/status.ts';
import { type Context, EXIT, type Exit, printJson, printText, say } from '../context.ts';
import { type OperatorArguments, simulatedElsewhere, warnOf, withShop } from '../open.ts';
import { statusTable } from '../output/status-table.ts';

export interface StatusArguments extends OperatorArguments {
  readonly watch?: true;
}

const READS_AT_ONCE = 32;

/** `status [BATCH]`: how one batch stands, or all that Redis knows. */
export async function statusCommand(
  context: Context,
  batch: string | undefined,
  args: StatusArguments,
): Promise<Exit> {
  if (batch === undefined && args.watch === true)
    throw new UserError('usage', 'Name the batch to follow: shotlist status BATCH --watch.');
  return await withShop(context, args, async ({ shop, stack }) => {
    if (batch === undefined) return await listAll(context, shop, args);
    const { batchStatus } = await import('./status-batch.ts');
    return await batchStatus(context, { shop, stack }, batch, args);
  });
}

/** Newest first. */
async function listAll(context: Context, shop: Shop, args: OperatorArguments): Promise<Exit> {
  const { batches, waits } = shop;
  const stops = await readStops(shop);
  const now = systemClock();
  const views: BatchView[] = [];
  // A name without its batch: Redis has forgotten it, and the next sweep drops the name.
  for await (const { view } of everyBatch(batches, { onOdd: warnOf(context) }))
    if (view !== undefined) views.push(view);
  const look = async (view: BatchView) =>
    statusOf(view, stops, now, view.doneAtMs === undefined ? await waits.read(view.batch) : []);
  const statuses = await pMap(views, look, { concurrency: READS_AT_ONCE });
  if (args.json === true) {
    printJson(context, statuses);
    return EXIT.ok;
  }
  if (statuses.length > 0) printText(context, statusTable(statuses));
  else {
    const elsewhere = simulatedElsewhere(context, args) ? ' (add --simulate for simulated ones)' : '';
    say(context, `No batch is known${elsewhere}; queue one with: shotlist run LIST`);
  }
  if (stops.all !== undefined) say(context, `All submits are stopped: ${stops.all.reason}`);
  for (const reason of stops.endpoints.values()) say(context, `Stopped: ${reason}`);
  return EXIT.ok;
}

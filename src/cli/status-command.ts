import pMap from 'p-map';
import { UserError } from '../shared/errors.ts';
import { statusOf } from '../shared/status.ts';
import { systemClock } from '../shared/time.ts';
import { type Context, EXIT, type Exit, printJson, say } from './context.ts';
import { endingSentence, leftOfEnding } from './follow-ending.ts';
import { regenerationsOf } from './follow-regenerations.ts';
import { type OperatorArguments, simulatedElsewhere, unknownBatch, withShop } from './operator.ts';
import { createLook } from './picture.ts';
import type { Shop } from './shop.ts';
import { statusTable, statusView } from './status-view.ts';
import { endSentence, followBatch } from './watch.ts';

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
    const picture = await createLook(shop)(batch);
    if (picture === undefined)
      throw await unknownBatch(context, args, batch, { ...shop, known: await shop.batches.list() });
    if (args.watch !== true) {
      if (args.json === true) printJson(context, picture.status);
      else {
        const untold = endingSentence(batch, await leftOfEnding(shop, batch));
        context.stdout.write(`${statusView(picture)}\n`);
        if (untold !== undefined) context.stdout.write(`\n${untold}\n`);
        for (const again of await regenerationsOf(shop, batch))
          context.stdout.write(`\nWhat failed a check was made again: shotlist status ${again}\n`);
      }
      return EXIT.ok;
    }
    const followed = await followBatch(context, shop, batch, stack.lost);
    if (args.json === true) printJson(context, followed.status);
    else say(context, endSentence(followed.status, followed.exit));
    return followed.exit;
  });
}

/** Newest first. */
async function listAll(context: Context, { batches }: Shop, args: OperatorArguments): Promise<Exit> {
  const stop = await batches.stopped();
  const views = await pMap(await batches.list(), (name) => batches.read(name), {
    concurrency: READS_AT_ONCE,
  });
  const now = systemClock();
  // A name without its batch: Redis has forgotten it, and the next sweep drops the name.
  const statuses = views.flatMap((view) => (view === undefined ? [] : [statusOf(view, stop, now)]));
  if (args.json === true) {
    printJson(context, statuses);
    return EXIT.ok;
  }
  if (statuses.length > 0) context.stdout.write(`${statusTable(statuses)}\n`);
  else {
    const elsewhere = simulatedElsewhere(context, args) ? ' (add --simulate for simulated ones)' : '';
    say(context, `No batch is known${elsewhere}; queue one with: shotlist run LIST`);
  }
  if (stop !== undefined) say(context, `All submits are stopped: ${stop.reason}`);
  return EXIT.ok;
}

import { randomBytes } from 'node:crypto';
import {
  type BatchOperation,
  type OperationsDeps,
  pauseAll,
  pauseBatch,
  resumeAll,
  resumeBatch,
} from '../../operations/batches.ts';
import { behindSentence, patientCatchUp } from '../../operations/patience.ts';
import type { Shop } from '../../operations/services.ts';
import { UserError } from '../../shared/base/errors.ts';
import { formatUsd, type MicroUsd } from '../../shared/base/money.ts';
import { count } from '../../shared/base/text.ts';
import { systemClock } from '../../shared/base/time.ts';
import { readStatus } from '../../shared/status/read-status.ts';
import { type Context, EXIT, type Exit, printJson, say } from '../context.ts';
import { type OperatorArguments, unknownBatch, withShop } from '../open.ts';

export interface ResumeArguments extends OperatorArguments {
  readonly cap?: MicroUsd;
}

/** `pause [BATCH]`: submits nothing more, of one batch or of all. */
export async function pauseCommand(
  context: Context,
  batch: string | undefined,
  args: OperatorArguments,
): Promise<Exit> {
  return await withShop(context, args, async ({ shop }) => {
    const deps = operationsOf(shop);
    if (batch === undefined) {
      const stop = await pauseAll(deps);
      if (args.json === true) printJson(context, { stopped: true, ...stop });
      else say(context, `All submits are stopped: ${stop.reason}. What is at fal already is finished.`);
      return EXIT.ok;
    }
    const operation = await pauseBatch(batch, deps);
    if (await hadEnded(context, args, shop, batch, operation)) return EXIT.ok;
    if (args.json === true) printJson(context, await readStatus(shop, batch));
    else
      say(
        context,
        `${batch} is paused; what is at fal already is finished. Go on with: shotlist resume ${batch}`,
      );
    await sayWhatIsLeft(context, shop, batch, operation);
    return EXIT.ok;
  });
}

/** `resume [BATCH] [--cap USD]`: goes on with a batch, or lifts the stop of all submits. */
export async function resumeCommand(
  context: Context,
  batch: string | undefined,
  args: ResumeArguments,
): Promise<Exit> {
  const { cap } = args;
  if (batch === undefined && cap !== undefined)
    throw new UserError('usage', 'Name the batch whose cap it is: shotlist resume BATCH --cap USD.');
  return await withShop(context, args, async ({ shop }) => {
    const deps = operationsOf(shop);
    if (batch === undefined) {
      const { was, endpoints, behind, odd } = await resumeAll(deps);
      for (const sentence of odd) say(context, `warning: ${sentence}`);
      await shop.due.hurry(undefined);
      if (args.json === true)
        printJson(context, { stopped: false, was: was ?? null, endpoints, requests: behind.requests });
      else {
        for (const endpoint of endpoints)
          say(context, `${endpoint} is tried again: one request goes first, the others after its answer.`);
        say(
          context,
          `${was === undefined ? 'Submits were not stopped' : 'Submits go on'}; ${count(behind.requests, 'request')} queued again${behind.finished ? '' : ' so far; the workers queue the rest'}.${was === undefined ? '' : ` What had stopped them: ${was.reason}`}`,
        );
      }
      return EXIT.ok;
    }
    await shop.due.hurry(batch);
    const operation = await resumeBatch(batch, { cap }, deps);
    if (await hadEnded(context, args, shop, batch, operation)) return EXIT.ok;
    await sayWhatStillHolds(context, shop, batch);
    if (args.json === true) printJson(context, await readStatus(shop, batch));
    else if (operation.outcome === 'done') {
      const capped = cap === undefined ? '' : ` with a cap of ${formatUsd(cap)} in all`;
      const { finished, requests } = operation.behind;
      const rest = finished ? '' : ' so far; the workers queue the rest';
      say(context, `${batch} goes on${capped}; ${count(requests, 'request')} queued again${rest}.`);
    }
    return EXIT.ok;
  });
}

function operationsOf(shop: Shop): OperationsDeps {
  const { batches, endpointStops, journal, queues } = shop;
  return {
    batches,
    endpointStops,
    journal,
    catchUp: patientCatchUp(shop),
    pauseSubmits: () => queues.pauseGenerate(),
    resumeSubmits: () => queues.resumeGenerate(),
    eventId: () => randomBytes(6).toString('hex'),
    clock: systemClock,
  };
}

/** Says so and resolves to true where the batch is at its end; throws a `UserError` where there is none. */
export async function hadEnded(
  context: Context,
  args: OperatorArguments,
  shop: Shop,
  batch: string,
  { outcome }: Pick<BatchOperation, 'outcome'>,
): Promise<boolean> {
  if (outcome === 'done') return false;
  // Redis forgets a batch some days after its end; the store has its summary.
  const status = await readStatus(shop, batch);
  if (status === undefined)
    throw await unknownBatch(context, args, batch, { ...shop, known: await shop.batches.list() });
  if (args.json === true) printJson(context, status);
  say(context, `${batch} is ${status.state} and has nothing left to do.`);
  return true;
}

/** A large batch's jobs are not all cleared before a person gets an answer. */
async function sayWhatIsLeft(
  context: Context,
  { batches }: Shop,
  batch: string,
  operation: BatchOperation,
): Promise<void> {
  if (operation.outcome !== 'done' || operation.behind.finished) return;
  const waiting = (await batches.read(batch))?.counts.planned ?? 0;
  say(context, behindSentence(waiting));
}

/** A resumed batch may stand still for another reason, which is better said now than found out. */
async function sayWhatStillHolds(context: Context, { batches }: Shop, batch: string): Promise<void> {
  const [stop, view] = await Promise.all([batches.stopped(), batches.read(batch)]);
  if (stop !== undefined) say(context, `note: all submits are stopped: ${stop.reason}`);
  if (view?.cap !== undefined && view.cap - view.spent - view.reserved < view.cheapestMicroUsd) {
    say(
      context,
      `note: the cap of ${formatUsd(view.cap)} leaves no room for another request; give a higher total with: shotlist resume ${batch} --cap USD`,
    );
  }
}

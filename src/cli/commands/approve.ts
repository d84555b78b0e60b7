import { randomBytes } from 'node:crypto';
import { type Approval, approveBatch } from '../../operations/approve.ts';
import { patientCatchUp } from '../../operations/patience.ts';
import type { Shop } from '../../operations/services.ts';
import { count } from '../../shared/base/text.ts';
import { systemClock } from '../../shared/base/time.ts';
import { forecastOf } from '../../shared/status/forecast.ts';
import { readStatus } from '../../shared/status/read-status.ts';
import { type Context, EXIT, type Exit, printJson, say } from '../context.ts';
import { type OperatorArguments, withShop } from '../open.ts';
import { restSentence } from '../output/proof-words.ts';
import { hadEnded } from './resume.ts';

/** `approve BATCH`: the proof is good; what waits for it is made. */
export async function approveCommand(
  context: Context,
  batch: string,
  args: OperatorArguments,
): Promise<Exit> {
  return await withShop(context, args, async ({ shop }) => {
    const { batches, journal } = shop;
    const approval = await approveBatch(batch, {
      batches,
      journal,
      catchUp: patientCatchUp(shop),
      eventId: () => randomBytes(6).toString('hex'),
      clock: systemClock,
    });
    if (approval.outcome === 'no-proof') {
      say(context, `${batch} has no proof: nothing of it waits for one.`);
    } else if (await hadEnded(context, args, shop, batch, approval)) return EXIT.ok;
    if (approval.outcome === 'done') await sayApproved(context, shop, batch, approval);
    if (args.json === true) printJson(context, await readStatus(shop, batch));
    return EXIT.ok;
  });
}

async function sayApproved(
  context: Context,
  { batches }: Shop,
  batch: string,
  { before, released }: Extract<Approval, { outcome: 'done' }>,
): Promise<void> {
  if (before.proof === 'open') {
    say(context, `${batch} is approved: ${count(released, 'request')} wait no longer.`);
    const rest = restSentence(forecastOf(before, systemClock()), before.maxMicroUsd);
    say(context, `${rest.charAt(0).toUpperCase()}${rest.slice(1)}.`);
    say(context, 'It is not asked about again: the whole list was confirmed when it was queued.');
  } else {
    const late =
      released === 0 ? 'nothing waits any more' : `${count(released, 'request')} still waited, and now go on`;
    say(context, `${batch} was approved before; ${late}.`);
  }
  const [stop, view] = await Promise.all([batches.stopped(), batches.read(batch)]);
  if (stop !== undefined) say(context, `note: all submits are stopped: ${stop.reason}`);
  if (view !== undefined && view.word !== 'running')
    say(context, `note: ${batch} is ${view.word}; go on with: shotlist resume ${batch}`);
  else if (released > 0)
    say(context, 'Workers make them; where none runs, so does the same shotlist run again.');
}

import { randomBytes } from 'node:crypto';
import type { Stack } from '../../app/connections.ts';
import { pickTake } from '../../operations/retake/pick-take.ts';
import { headToRedo } from '../../operations/retake/redo-head.ts';
import { findShots, type ShotChoice } from '../../operations/retake/shots.ts';
import type { Shop } from '../../operations/services.ts';
import { systemClock } from '../../shared/base/time.ts';
import type { Head } from '../../shared/journal/objects.ts';
import { Takes } from '../../shared/takes/takes.ts';
import { writeBucketManifest } from '../../worker/completion/bucket-manifest.ts';
import { type Context, EXIT, type Exit, printJson, say } from '../context.ts';
import { type OperatorArguments, simulatedElsewhere, withShop } from '../open.ts';

export interface PickChoice extends ShotChoice {
  readonly take: number;
}

/** `redo BATCH --pick TAKE`: makes a take that exists count again; nothing is paid. */
export async function pickCommand(
  context: Context,
  batch: string,
  choice: PickChoice,
  args: OperatorArguments,
): Promise<Exit> {
  const { signal } = context;
  const { take } = choice;
  return await withShop(context, args, async ({ shop, stack }) => {
    const { store, journal } = shop;
    const head = await headToRedo(
      { ...shop, simulatedElsewhere: simulatedElsewhere(context, args) },
      batch,
      choice.ids,
      context.signal,
    );
    const shots = await findShots(head, choice, { journal }, signal);
    const takes = await Takes.load({ store, journal, signal });
    const eventId = () => randomBytes(6).toString('hex');
    const picked = await pickTake(
      { batch, shots, take },
      { store, takes, journal, eventId, clock: systemClock, signal },
    );
    for (const { shot, indices } of picked) {
      const what =
        indices.length === 0
          ? 'counts already'
          : `counts for ${indices.length === 1 ? 'picture' : 'pictures'} ${indices.join(', ')}`;
      say(context, `${shot}: take ${take} ${what}`);
    }
    if (picked.some(({ indices }) => indices.length > 0)) await renewManifest(head, shop, stack, signal);
    if (args.json === true) printJson(context, { batch, take, picked });
    return EXIT.ok;
  });
}

/** The manifest in the bucket shows the take that counts; a batch under way writes its own at its end. */
async function renewManifest(
  head: Head,
  { store, journal, queues, batches, records }: Shop,
  { lost }: Stack,
  signal: AbortSignal,
): Promise<void> {
  const { batch } = head;
  if ((await journal.readSummary(batch, signal)) === undefined) return;
  // A Redis that was brought along has no worker but this command.
  const alone = lost !== undefined;
  if (!alone) return await queues.addEnding({ kind: 'refresh', batch, endedAtMs: systemClock() });
  const live = async () => ({ view: await batches.read(batch), records });
  await writeBucketManifest(head, { store, journal, live, clock: systemClock, signal });
}

import type { Stack } from '../../app/connections.ts';
import { leftOfEnding } from '../../operations/follow-ending.ts';
import { regeneratedOf } from '../../operations/regenerated-of.ts';
import type { Shop } from '../../operations/services.ts';
import { createLook } from '../../shared/status/snapshot.ts';
import { type Context, EXIT, type Exit, printJson, printText, say } from '../context.ts';
import { unknownBatch } from '../open.ts';
import { endingSentence } from '../output/ending.ts';
import { statusJson, statusView } from '../output/status.ts';
import type { StatusArguments } from './status.ts';

/** `status BATCH`: how it stands, or its way to the end. */
export async function batchStatus(
  context: Context,
  { shop, stack }: { readonly shop: Shop; readonly stack: Stack },
  batch: string,
  args: StatusArguments,
): Promise<Exit> {
  const picture = await createLook(shop)(batch);
  if (picture === undefined)
    throw await unknownBatch(context, args, batch, { ...shop, known: await shop.batches.list() });
  if (args.watch !== true) {
    const regenerated = await regeneratedOf(shop, batch, context.signal);
    if (args.json === true) printJson(context, statusJson({ status: picture.status, regenerated }));
    else {
      const untold = endingSentence(batch, await leftOfEnding(shop, batch));
      printText(context, statusView(picture, regenerated));
      if (untold !== undefined) printText(context, `\n${untold}`);
    }
    return EXIT.ok;
  }
  const [{ followWhole }, { EXIT_OF, endSentence, followOptions }] = await Promise.all([
    import('../../operations/follow-whole.ts'),
    import('../output/end.ts'),
  ]);
  const whole = await followWhole(shop, batch, followOptions(context, stack.lost));
  if (args.json === true) printJson(context, statusJson(whole));
  else say(context, endSentence(whole.status, whole.end, whole.regenerated));
  return EXIT_OF[whole.end];
}

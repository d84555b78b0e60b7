import { randomBytes } from 'node:crypto';
import type { Stack } from '../../app/connections.ts';
import { type CancelDeps, cancelBatch } from '../../operations/cancel.ts';
import { behindSentence, patientCatchUp } from '../../operations/patience.ts';
import type { Shop } from '../../operations/services.ts';
import { withdrawQueued } from '../../operations/withdraw.ts';
import { count } from '../../shared/base/text.ts';
import { systemClock } from '../../shared/base/time.ts';
import { createFalHttp, openFalSockets } from '../../shared/fal/http.ts';
import { createFalQueue } from '../../shared/fal/queue.ts';
import { defaultRegistry } from '../../shared/models/registry.ts';
import { readStatus } from '../../shared/status/read-status.ts';
import { type Context, configOf, EXIT, type Exit, openLog, printJson, say } from '../context.ts';
import { type OperatorArguments, withShop } from '../open.ts';
import { hadEnded } from './resume.ts';

/** Limit of one call of fal. */
const FAL_TIMEOUT_MS = 15_000;

/** `cancel BATCH`: submits nothing more of it for good, and takes back what fal has not begun. */
export async function cancelCommand(context: Context, batch: string, args: OperatorArguments): Promise<Exit> {
  return await withShop(context, args, async ({ shop, stack }) => {
    const cancelling = await cancelBatch(batch, cancelDepsOf(context, shop, stack));
    if (await hadEnded(context, args, shop, batch, cancelling)) return EXIT.ok;
    const status = await readStatus(shop, batch);
    if (args.json === true) printJson(context, status);
    if (cancelling.outcome !== 'done') return EXIT.ok;
    const { waiting, behind, atFal } = cancelling;
    const withdrawn = atFal === 'no-key' ? 0 : atFal.withdrawn;
    say(
      context,
      `${batch} is cancelled: ${count(waiting, 'waiting request')} dropped and ${count(withdrawn, 'request')} taken out of fal's queue, at no cost. What fal has begun is finished and kept.`,
    );
    if (!behind.finished) say(context, behindSentence(waiting - behind.requests));
    if (atFal === 'no-key' && status !== undefined && status.counts.submitted > 0) {
      say(
        context,
        `note: without FAL_KEY nothing can be taken out of fal's queue; set it and run shotlist cancel ${batch} again.`,
      );
    }
    return EXIT.ok;
  });
}

function cancelDepsOf(context: Context, shop: Shop, { fal, secrets }: Stack): CancelDeps {
  const { batches, journal, records, queues } = shop;
  const log = openLog(context, configOf(context), { detail: 'quiet', secrets });
  return {
    batches,
    journal,
    catchUp: patientCatchUp(shop),
    async withdrawQueued(batch) {
      const { key, queueUrl } = fal;
      if (key === undefined) return 'no-key';
      const registry = defaultRegistry();
      const priority = (await batches.read(batch))?.priority ?? 0;
      const agent = openFalSockets();
      try {
        const http = createFalHttp({ agent, clock: systemClock });
        return await withdrawQueued(
          batch,
          {
            records,
            idsAtFal: () => queues.idsAtFal(),
            queue: createFalQueue({ http, key, queueUrl, timeoutMs: FAL_TIMEOUT_MS }),
            endpointOf: async ({ name }) =>
              registry.get((await journal.planned(name, context.signal)).row.model).endpoint,
            collect: ({ request, round }) => queues.hurry('collect', { request, round, priority }),
            clock: systemClock,
            log,
          },
          context.signal,
        );
      } finally {
        await agent.close();
      }
    },
    eventId: () => randomBytes(6).toString('hex'),
    clock: systemClock,
  };
}

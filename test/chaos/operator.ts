import { pauseBatch, resumeAll, resumeBatch } from '../../src/producer/batches.ts';
import { type CancelDeps, cancelBatch } from '../../src/producer/cancel.ts';
import { silentLogger } from '../../src/shared/log.ts';
import { defaultRegistry } from '../../src/shared/models/registry.ts';
import { systemClock } from '../../src/shared/time.ts';
import { createFalQueue } from '../../src/worker/generate/fal.ts';
import { withdrawQueued } from '../../src/worker/generate/withdraw.ts';
import { type ChaosShop, openChaosShop } from './chaos-shop.ts';
import { operationsOf } from './produce.ts';
import type { ProcessSpec } from './spec.ts';

/** The person at the admin script, whose own line to Redis nobody cuts. */
export interface Operator extends AsyncDisposable {
  pause(batch: string): Promise<void>;
  resume(batch: string): Promise<void>;
  cancel(batch: string): Promise<void>;
  resumeAll(): Promise<void>;
}

export async function openOperator(spec: ProcessSpec): Promise<Operator> {
  const opened = await openChaosShop(spec, (_name, effect) => effect(), silentLogger);
  const operations = operationsOf(opened.shop);
  return {
    async pause(batch) {
      await pauseBatch(batch, operations);
    },
    async resume(batch) {
      await resumeBatch(batch, { cap: undefined }, operations);
    },
    async cancel(batch) {
      await cancelBatch(batch, cancelDepsOf(opened));
    },
    async resumeAll() {
      await resumeAll(operations);
    },
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}

/** As `shotlist cancel` has them. */
function cancelDepsOf({ shop, http, config }: ChaosShop): CancelDeps {
  const { batches, journal, records, queues } = shop;
  const { key, queueUrl } = config.fal;
  return {
    batches,
    journal,
    catchUp: operationsOf(shop).catchUp,
    async withdrawQueued(batch) {
      if (key === undefined) return 'no-key';
      const priority = (await batches.read(batch))?.priority ?? 0;
      return await withdrawQueued(
        batch,
        {
          records,
          idsAtFal: () => queues.idsAtFal(),
          queue: createFalQueue({ http, key, queueUrl, timeoutMs: 15_000 }),
          endpointOf: async ({ name }) =>
            defaultRegistry().get((await journal.planned(name)).row.model).endpoint,
          collect: ({ request, round }) => queues.hurry('collect', { request, round, priority }),
          clock: systemClock,
          log: silentLogger,
        },
        AbortSignal.timeout(20_000),
      );
    },
    eventId: operationsOf(shop).eventId,
    clock: systemClock,
  };
}

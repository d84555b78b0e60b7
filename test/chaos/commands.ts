import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { rebuildDepsOf } from '../../src/cli/commands/rebuild.ts';
import { reconcileDepsOf } from '../../src/cli/commands/reconcile.ts';
import { decideDepsOf } from '../../src/cli/commands/unknown.ts';
import {
  type OperationsDeps,
  pauseAll,
  pauseBatch,
  resumeAll,
  resumeBatch,
} from '../../src/operations/batches.ts';
import { type CancelDeps, cancelBatch } from '../../src/operations/cancel.ts';
import { type RebuildDeps, rebuildAll, rebuildBatch } from '../../src/operations/rebuild/rebuild.ts';
import { absentUnknown, adoptUnknown, type DecideDeps } from '../../src/operations/reconcile/decide.ts';
import { createReconcile, type ReconcileDeps } from '../../src/operations/reconcile/reconcile.ts';
import { findRetryable, retryFailures } from '../../src/operations/retry/retry.ts';
import type { Shop } from '../../src/operations/services.ts';
import { withdrawQueued } from '../../src/operations/withdraw.ts';
import { UserError } from '../../src/shared/base/errors.ts';
import { silentLogger } from '../../src/shared/base/log.ts';
import { systemClock } from '../../src/shared/base/time.ts';
import { createFalQueue } from '../../src/shared/fal/queue.ts';
import { Settlements } from '../../src/shared/ledger/counters.ts';
import { defaultRegistry } from '../../src/shared/models/registry.ts';
import { catchUp } from '../../src/shared/requests/requeue.ts';
import { requestKeyOf } from '../../src/shared/store/keys.ts';
import type { ChaosShop } from './chaos-shop.ts';
import { EFFECTS, tapped } from './points.ts';
import type { OperatorSpec } from './spec.ts';

const DAY_MS = 86_400_000;
/** A submit may be under way for so long after its intent; here longer than a person takes from a look to a word. */
export const DECIDE_AFTER_MS = 3_000;
const FAL_TIMEOUT_MS = 15_000;
const LIMIT_MS = 30_000;
/** Of a batch that its cap holds: with room for all of it. */
const ROOM_MICRO_USD = 1_000_000;

/** Does to a batch what the command of that name does, over parts that may be wrapped. */
export async function runCommand(
  { batch, command, when, falId }: Pick<OperatorSpec, 'batch' | 'command' | 'when' | 'falId'>,
  opened: ChaosShop,
): Promise<void> {
  const { shop } = opened;
  while (((await shop.batches.read(batch))?.counts.submitted ?? 0) < (when?.submitted ?? 0)) await delay(10);
  switch (command) {
    case 'pause-and-resume': {
      const deps = operationsOf(shop);
      await pauseBatch(batch, deps);
      await resumeBatch(batch, { cap: ROOM_MICRO_USD }, deps);
      await pauseAll(deps);
      await resumeAll(deps);
      return;
    }
    case 'cancel':
      await cancelBatch(batch, cancelDepsOf(opened));
      return;
    case 'retry':
      await retry(batch, opened);
      return;
    case 'rebuild':
      await rebuildAll(tappedRebuild(opened), AbortSignal.timeout(LIMIT_MS));
      return;
    case 'reconcile':
      await shop.memory.open();
      await createReconcile(tappedReconcile(opened))(systemClock() - DAY_MS, AbortSignal.timeout(LIMIT_MS));
      return;
    case 'unknown-adopt':
      await shop.memory.open();
      await adoptUnknown(firstOf(batch), falId ?? '', decideDeps(opened));
      return;
    case 'unknown-absent':
      await shop.memory.open();
      await absentUnknown(firstOf(batch), decideDeps(opened)).catch((error: unknown) => {
        // It was declared absent before, and sent again just now: what the person is told, and leaves it at that.
        if (!(error instanceof UserError) || error.code !== 'too_early') throw error;
      });
      return;
  }
}

const firstOf = (batch: string) => requestKeyOf({ batch, row: 0, part: 0 });

/** As `shotlist unknown adopt` and `absent` have them. */
export function decideDeps({ shop }: ChaosShop): DecideDeps {
  return { ...decideDepsOf(shop, { clean, log: silentLogger }), postWindowMs: DECIDE_AFTER_MS };
}

/** As `shotlist reconcile` has them, with the points of what it writes around the shop. */
function tappedReconcile({ shop, http, config, stack, tap }: ChaosShop): ReconcileDeps {
  const settlements = new Settlements({ redis: shop.redis, prefix: config.redis.prefix });
  return reconcileDepsOf(shop, stack, {
    http,
    settlements: tapped(settlements, EFFECTS.settlements, tap),
    clean,
    log: silentLogger,
  });
}

const clean = (text: string) => text;

async function retry(batch: string, opened: ChaosShop): Promise<void> {
  const { shop } = opened;
  const { batches, records, journal, queues } = shop;
  await shop.memory.open();
  const chosen = await findRetryable(
    batch,
    { code: undefined, shots: undefined },
    {
      journal,
      records,
      store: shop.store,
      registry: defaultRegistry(),
    },
    AbortSignal.timeout(LIMIT_MS),
  );
  await retryFailures(batch, chosen, {
    batches,
    records,
    journal,
    add: queues.add.bind(queues),
    async restore(id) {
      await rebuildBatch(id, tappedRebuild(opened), AbortSignal.timeout(LIMIT_MS));
    },
    eventId,
    clock: systemClock,
  });
}

/** As `shotlist rebuild` has them, with the points of what writes to Redis around the shop. */
function tappedRebuild({ shop, config, tap }: ChaosShop): RebuildDeps {
  const deps = rebuildDepsOf(shop, { prefix: config.redis.prefix, ttlH: config.recordTtlH }, () => undefined);
  return {
    ...deps,
    restore: tapped(deps.restore, EFFECTS.restore, tap),
    settleCorrections: (signal) => tap('restore.corrections', () => deps.settleCorrections(signal)),
  };
}

/** As `shotlist pause` and `resume` have them. */
export function operationsOf(shop: Shop): OperationsDeps {
  const { batches, endpointStops, journal, queues } = shop;
  return {
    batches,
    endpointStops,
    journal,
    pauseSubmits: () => queues.pauseGenerate(),
    resumeSubmits: () => queues.resumeGenerate(),
    catchUp: (id) => catchUp(id, shop),
    eventId,
    clock: systemClock,
  };
}

/** As `shotlist cancel` has them. */
function cancelDepsOf({ shop, http, config }: ChaosShop): CancelDeps {
  const { batches, journal, records, queues } = shop;
  const { key, queueUrl } = config.fal;
  return {
    batches,
    journal,
    catchUp: (batch) => catchUp(batch, shop),
    async withdrawQueued(batch) {
      if (key === undefined) return 'no-key';
      const priority = (await batches.read(batch))?.priority ?? 0;
      return await withdrawQueued(
        batch,
        {
          records,
          idsAtFal: () => queues.idsAtFal(),
          queue: createFalQueue({ http, key, queueUrl, timeoutMs: FAL_TIMEOUT_MS }),
          endpointOf: async ({ name }) =>
            defaultRegistry().get((await journal.planned(name)).row.model).endpoint,
          collect: ({ request, round }) => queues.hurry('collect', { request, round, priority }),
          clock: systemClock,
          log: silentLogger,
        },
        AbortSignal.timeout(LIMIT_MS),
      );
    },
    eventId,
    clock: systemClock,
  };
}

function eventId(): string {
  return randomBytes(6).toString('hex');
}

import { tmpdir } from 'node:os';
import { pauseAll, pauseBatch, resumeAll, resumeBatch } from '../../src/operations/batches.ts';
import { enqueue } from '../../src/producer/enqueue.ts';
import { createMade } from '../../src/producer/plan/existing.ts';
import { planList } from '../../src/producer/plan/plan.ts';
import type { Logger } from '../../src/shared/base/log.ts';
import { systemClock } from '../../src/shared/base/time.ts';
import { defaultRegistry } from '../../src/shared/models/registry.ts';
import { DEFAULT_PRIORITY } from '../../src/shared/queues/jobs.ts';
import { openChaosShop } from './chaos-shop.ts';
import { operationsOf } from './commands.ts';
import type { Tap } from './points.ts';
import type { ProducerSpec } from './spec.ts';

/** Plans and queues a list as `shotlist enqueue` does. A repeat of the same list mends what a crash left. */
export async function produce(spec: ProducerSpec, tap: Tap, log: Logger): Promise<void> {
  await using opened = await openChaosShop(spec, tap, log);
  const { shop } = opened;
  const { batch, rows, capMicroUsd, regenerate, priority = DEFAULT_PRIORITY } = spec.list;
  await shop.memory.open();
  await using plan = await planList({
    rows: inOrder(rows),
    listName: `${batch}.csv`,
    options: { recipe: 'original', inputs: { quality: 'low' } },
    registry: defaultRegistry(),
    defaultModel: defaultRegistry().get('gpt-image-1-mini'),
    recipes: new Set(['original', 'catalog']),
    ...(await createMade(shop.store)),
    hashOf: async () => '',
    spoolFolder: tmpdir(),
    clock: systemClock,
  });
  const add = shop.queues.add.bind(shop.queues);
  await enqueue(
    plan,
    { batch, cap: capMicroUsd, listName: `${batch}.csv`, priority, regenerate, simulated: true },
    { ...shop, add, clock: systemClock },
  );
  if (spec.operations === 'none') return;
  const operations = operationsOf(shop);
  await pauseBatch(batch, operations);
  await resumeBatch(batch, { cap: capMicroUsd }, operations);
  await pauseAll(operations);
  await resumeAll(operations);
}

async function* inOrder(rows: ProducerSpec['list']['rows']) {
  for (const [at, columns] of rows.entries()) yield { line: at + 2, columns };
}

import { randomBytes } from 'node:crypto';
import type { Logger } from '../../shared/base/log.ts';
import { systemClock } from '../../shared/base/time.ts';
import type { Head } from '../../shared/journal/objects.ts';
import { defaultRegistry, type Registry } from '../../shared/models/registry.ts';
import { readStatus } from '../../shared/status/read-status.ts';
import { regenerationsOf } from '../../shared/takes/regenerated.ts';
import { hashOfImage } from '../plan-list.ts';
import type { Shop } from '../services.ts';
import { type RegenerateDeps, regenerate } from './regenerate.ts';

/** What a worker does at the end of a batch that was queued with `--regenerate`. */
export function createRegenerate(
  shop: Shop,
  registry: Registry,
  log: Logger,
): (head: Head, signal: AbortSignal) => Promise<void> {
  const deps: RegenerateDeps = {
    ...shop,
    add: shop.queues.add.bind(shop.queues),
    statusOf: (batch) => readStatus(shop, batch),
    registry,
    hashOf: hashOfImage,
    eventId: () => randomBytes(6).toString('hex'),
    clock: systemClock,
    log,
  };
  return (head, signal) => regenerate(head, signal, deps);
}

/** For an ended batch: begins the next round where nobody did. Safe to repeat. */
export async function beginRegenerations(
  shop: Shop,
  batch: string,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const step = createRegenerate(shop, defaultRegistry(), log);
  const { journal } = shop;
  const root = await journal.readHead(batch, signal);
  if (root === undefined) return;
  for (const id of [batch, ...(await regenerationsOf(journal, root, signal))]) {
    const head = await journal.readHead(id, signal);
    if (head !== undefined) await step(head, signal);
  }
}

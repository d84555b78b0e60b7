import { systemClock } from '../shared/base/time.ts';
import { CHECK_FAILURES } from '../shared/journal/regeneration.ts';
import { batchManifest } from '../shared/manifest/batch-manifest.ts';
import { readStatus } from '../shared/status/read-status.ts';
import { isOver } from '../shared/status/status.ts';
import { regenerationsOf } from '../shared/takes/regenerated.ts';
import { leftOfEnding } from './follow-ending.ts';
import type { Shop } from './services.ts';
import type { BatchEnd } from './watch.ts';

/** Whether one of them has something left to do. */
export async function isRegenerating(shop: Shop, batch: string, signal: AbortSignal): Promise<boolean> {
  const head = await shop.journal.readHead(batch, signal);
  for (const id of head === undefined ? [] : await regenerationsOf(shop.journal, head, signal)) {
    const status = await readStatus(shop, id);
    if (status === undefined || !isOver(status.state)) return true;
    if ((await leftOfEnding(shop, id)) !== undefined) return true;
  }
  return false;
}

/** Pictures that did not pass their checks are made again, as a batch of their own. */
export interface Regeneration {
  readonly batch: string;
  readonly images: number;
  /** From 1. */
  readonly nth: number;
  readonly most: number;
}

/**
 * Follows them one after the other, each until it and what comes behind its end is done: the next round is begun there.
 * Stops early, with that end, at one that needs a user.
 */
export async function followRegenerations(
  { journal }: Pick<Shop, 'journal'>,
  batch: string,
  follow: (regeneration: Regeneration) => Promise<{ readonly end: BatchEnd }>,
): Promise<BatchEnd | undefined> {
  const head = await journal.readHead(batch);
  const followed = new Set<string>();
  for (;;) {
    const begun = head === undefined ? [] : await regenerationsOf(journal, head);
    const next = begun.find((id) => !followed.has(id));
    if (next === undefined) return undefined;
    followed.add(next);
    const images = (await journal.readHead(next))?.images ?? 0;
    const most = head?.regenerate ?? 0;
    const { end } = await follow({ batch: next, images, nth: followed.size, most });
    if (end === 'held' || end === 'interrupted') return end;
  }
}

/** By the shot: what is not delivered in the end, and why. Reads the batch's manifest from the store. */
export async function failingShots(
  shop: Shop,
  batch: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const { store, journal, batches, records } = shop;
  const failing = new Map<string, string>();
  const head = await journal.readHead(batch, signal);
  if (head === undefined) return failing;
  const live = async () => ({ view: await batches.read(batch), records });
  const deps = { store, journal, live, clock: systemClock, signal };
  for await (const { shot, status, error } of await batchManifest(head, deps))
    if (status === 'failed') failing.set(shot, error ?? status);
  return failing;
}

/** Requests that failed a check and are not made again, though a time was left: what is left of the cap is too little. */
export async function withoutRoom(
  { journal }: Pick<Shop, 'journal'>,
  batch: string,
  signal: AbortSignal,
): Promise<number> {
  const head = await journal.readHead(batch, signal);
  if (head?.cap === undefined) return 0;
  const begun = await regenerationsOf(journal, head, signal);
  if (begun.length >= (head.regenerate ?? 0)) return 0;
  const last = begun.at(-1) ?? batch;
  const delivered = await journal.deliveredNames(last, signal);
  return [...(await journal.failures(last, signal))].filter(
    ([member, { code }]) => !delivered.has(member) && CHECK_FAILURES.has(code),
  ).length;
}

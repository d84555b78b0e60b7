import { batchManifest } from '../shared/manifest/batch-manifest.ts';
import { CHECK_FAILURES, regenerationIds } from '../shared/regeneration.ts';
import type { BatchStatus } from '../shared/status.ts';
import { systemClock } from '../shared/time.ts';
import { type Context, EXIT, type Exit, say } from './context.ts';
import { leftOfEnding } from './follow-ending.ts';
import { readStatus } from './picture.ts';
import { count } from './plan-list.ts';
import type { Shop } from './shop.ts';

/** What was made anew for a batch, since its pictures failed a check. */
export interface Regenerated {
  readonly batches: readonly BatchStatus[];
  /** By the shot: what is not delivered in the end, and why. */
  readonly failing: ReadonlyMap<string, string>;
}

/** The batches that make failed pictures of this one anew, as many as were begun; first round first. */
export async function regenerationsOf({ journal }: Pick<Shop, 'journal'>, batch: string): Promise<string[]> {
  const head = await journal.readHead(batch);
  const begun: string[] = [];
  for (const id of head === undefined ? [] : regenerationIds(head)) {
    if ((await journal.readHead(id)) === undefined) break;
    begun.push(id);
  }
  return begun;
}

/** Whether one of them has something left to do. */
export async function isRegenerating(shop: Shop, batch: string): Promise<boolean> {
  for (const id of await regenerationsOf(shop, batch)) {
    const status = await readStatus(shop, id);
    if (status?.state !== 'done' && status?.state !== 'cancelled') return true;
    if ((await leftOfEnding(shop, id)) !== undefined) return true;
  }
  return false;
}

/**
 * Follows them one after the other, each until it and what comes behind its end is done: the next round is begun there.
 * Stops early, with that exit, at one that needs a person.
 */
export async function followRegenerations(
  context: Context,
  shop: Shop,
  batch: string,
  follow: (batch: string) => Promise<{ readonly exit: Exit }>,
): Promise<Exit | undefined> {
  const most = (await shop.journal.readHead(batch))?.regenerate ?? 0;
  const followed = new Set<string>();
  for (;;) {
    const next = (await regenerationsOf(shop, batch)).find((id) => !followed.has(id));
    if (next === undefined) return undefined;
    followed.add(next);
    const images = (await shop.journal.readHead(next))?.images ?? 0;
    say(
      context,
      `${count(images, 'picture')} did not pass the checks: made again as ${next} (take ${followed.size} of at most ${most})`,
    );
    const { exit } = await follow(next);
    if (exit === EXIT.held || exit === EXIT.interrupted) return exit;
  }
}

/** undefined where nothing was made anew. Reads the batch's manifest from the store. */
export async function regenerated(
  { signal }: Context,
  shop: Shop,
  batch: string,
): Promise<Regenerated | undefined> {
  const { store, journal, batches, records } = shop;
  const head = await journal.readHead(batch, signal);
  const begun = await regenerationsOf(shop, batch);
  if (head === undefined || begun.length === 0) return undefined;
  const statuses = await Promise.all(begun.map((id) => readStatus(shop, id)));
  const live = async () => ({ view: await batches.read(batch), records });
  const failing = new Map<string, string>();
  for await (const { shot, status, error } of await batchManifest(head, {
    store,
    journal,
    live,
    clock: systemClock,
    signal,
  })) {
    if (status === 'failed') failing.set(shot, error ?? status);
  }
  return { batches: statuses.filter((status) => status !== undefined), failing };
}

/** For a person, where pictures that failed a check are not made again though a time was left; undefined elsewhere. */
export async function noRoomSentence(
  { signal }: Context,
  { journal }: Pick<Shop, 'journal'>,
  batch: string,
): Promise<string | undefined> {
  const head = await journal.readHead(batch, signal);
  const begun = await regenerationsOf({ journal }, batch);
  if (head?.cap === undefined || begun.length >= (head.regenerate ?? 0)) return undefined;
  const last = begun.at(-1) ?? batch;
  const delivered = await journal.deliveredNames(last, signal);
  const failed = [...(await journal.failures(last, signal))].filter(
    ([member, { code }]) => !delivered.has(member) && CHECK_FAILURES.has(code),
  );
  if (failed.length === 0) return undefined;
  return `${count(failed.length, 'request')} failed a check and ${failed.length === 1 ? 'is' : 'are'} not made again: what is left of the cap is too little.`;
}

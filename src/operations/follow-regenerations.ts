import { type Context, EXIT, type Exit, say } from '../cli/context.ts';
import { systemClock } from '../shared/base/time.ts';
import { CHECK_FAILURES } from '../shared/journal/regeneration.ts';
import { batchManifest } from '../shared/manifest/batch-manifest.ts';
import { readStatus } from '../shared/status/read-status.ts';
import { isOver } from '../shared/status/status.ts';
import { type Regenerated, readRegenerated, regenerationsOf } from '../shared/takes/regenerated.ts';
import { leftOfEnding } from './follow-ending.ts';
import { count } from './plan-list.ts';
import type { Shop } from './services.ts';

/** Whether one of them has something left to do. */
export async function isRegenerating({ signal }: Context, shop: Shop, batch: string): Promise<boolean> {
  const head = await shop.journal.readHead(batch, signal);
  for (const id of head === undefined ? [] : await regenerationsOf(shop.journal, head, signal)) {
    const status = await readStatus(shop, id);
    if (status === undefined || !isOver(status.state)) return true;
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
  { journal }: Pick<Shop, 'journal'>,
  batch: string,
  follow: (batch: string) => Promise<{ readonly exit: Exit }>,
): Promise<Exit | undefined> {
  const head = await journal.readHead(batch);
  const followed = new Set<string>();
  for (;;) {
    const begun = head === undefined ? [] : await regenerationsOf(journal, head);
    const next = begun.find((id) => !followed.has(id));
    if (next === undefined) return undefined;
    followed.add(next);
    const images = (await journal.readHead(next))?.images ?? 0;
    say(
      context,
      `${count(images, 'picture')} did not pass the checks: made again as ${next} (take ${followed.size} of at most ${head?.regenerate ?? 0})`,
    );
    const { exit } = await follow(next);
    if (exit === EXIT.held || exit === EXIT.interrupted) return exit;
  }
}

/** undefined where nothing was made again, or nobody asked for that. */
export async function regeneratedOf(
  { signal }: Context,
  shop: Shop,
  batch: string,
): Promise<Regenerated | undefined> {
  // A person who interrupts is still told how things stand.
  const head = await shop.journal.readHead(batch);
  if (head?.regenerate === undefined || signal.aborted) return undefined;
  return await readRegenerated(head, shop, signal);
}

/** By the shot: what is not delivered in the end, and why. Reads the batch's manifest from the store. */
export async function failingShots(
  { signal }: Context,
  shop: Shop,
  batch: string,
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

/** For a person, where pictures that failed a check are not made again though a time was left; undefined elsewhere. */
export async function noRoomSentence(
  { signal }: Context,
  { journal }: Pick<Shop, 'journal'>,
  batch: string,
): Promise<string | undefined> {
  const head = await journal.readHead(batch, signal);
  if (head?.cap === undefined) return undefined;
  const begun = await regenerationsOf(journal, head, signal);
  if (begun.length >= (head.regenerate ?? 0)) return undefined;
  const last = begun.at(-1) ?? batch;
  const delivered = await journal.deliveredNames(last, signal);
  const failed = [...(await journal.failures(last, signal))].filter(
    ([member, { code }]) => !delivered.has(member) && CHECK_FAILURES.has(code),
  );
  if (failed.length === 0) return undefined;
  return `${count(failed.length, 'request')} failed a check and ${failed.length === 1 ? 'is' : 'are'} not made again: what is left of the cap is too little.`;
}

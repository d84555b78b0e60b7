import type { VariantState } from '../../../src/shared/takes/variants.ts';
import { change, fail, type InHand } from './in-hand.ts';
import { look, lookRepeatedly, type Run, repeated, step } from './steps.ts';
import { createOnce, imageKey, MEDIA_PATIENCE_S, type RequestPlan, type World } from './world.ts';

/** What fal's media host answers: a picture, nothing, or a file that is whole and cannot be decoded. */
export type Media = 'up' | 'down' | 'undecodable';

/** How a variant stands by the names in the store, as `src/shared/takes/variants.ts` reads them. */
export function stateOf(world: World, image: string): VariantState {
  const nth = highest(world, image);
  if (world.originals.has(`${image}#${nth}`) && !world.damaged.has(`${image}#${nth}`)) return 'made';
  const isNoted = (world.paid.get(image)?.size ?? 0) > 0;
  return isNoted && world.mutation !== 'paid-is-nothing' ? 'paid' : 'nothing';
}

function highest(world: World, image: string): number {
  let nth = 0;
  while (world.originals.has(`${image}#${nth + 1}`)) nth += 1;
  return nth;
}

export function originalOf(world: World, image: string) {
  return world.originals.get(`${image}#${highest(world, image)}`);
}

export const imagesIn = (
  world: World,
  plan: RequestPlan,
  indices: readonly number[],
  state: VariantState,
): readonly number[] => indices.filter((index) => stateOf(world, imageKey(plan, index)) === state);

/** What is to be fetched: `nth` is the next one by the listing, as which a run that is late finds it stored. */
interface Next {
  readonly index: number;
  readonly falId: string;
  readonly nth: number;
}

/** Whether the picture that this id was paid for is stored then. */
export function* fetchPicture({ world, plan }: InHand, { index, falId, nth }: Next): Run<boolean> {
  const image = imageKey(plan, index);
  const media = yield* look(`fetch ${index}`, () => world.media);
  if (media === 'down') return false;
  const original = { falId, isDecodable: media === 'up' };
  yield* repeated(`original ${index}`, () => createOnce(world.originals, `${image}#${nth}`, original));
  return true;
}

/** fal was paid for it, and it is not to be had, or not any more. */
export function* notePaid(world: World, image: string, falId: string): Run<void> {
  yield* repeated('paid note', () => {
    world.paid.set(image, (world.paid.get(image) ?? new Set()).add(falId));
  });
}

/**
 * Stores what the request was paid for: resolves to whether all of it is there. What cannot be had is waited for; then it is
 * noted as paid, and the request fails.
 */
export function* fetchOwn(inHand: InHand, indices: readonly number[], falId: string): Run<boolean> {
  const { world, plan, epoch } = inHand;
  const missing: number[] = [];
  for (const index of indices) {
    const image = imageKey(plan, index);
    const { isMade, nth } = yield* lookRepeatedly('look for originals', () => ({
      isMade: stateOf(world, image) === 'made',
      nth: highest(world, image) + 1,
    }));
    if (!isMade && !(yield* fetchPicture(inHand, { index, falId, nth }))) missing.push(index);
  }
  if (missing.length === 0) return true;
  const waitedS = yield* step('note look', () => {
    const record = world.records.get(plan.id);
    if (record?.state !== 'submitted' || record.epoch !== epoch) return undefined;
    record.missingSinceS ??= world.nowS;
    return world.nowS - record.missingSinceS;
  });
  if (waitedS === undefined || waitedS < MEDIA_PATIENCE_S) return false;
  const isEarly = world.mutation === 'fail-before-paid-note';
  if (isEarly) yield* fail(inHand, 'media');
  for (const index of missing) yield* notePaid(world, imageKey(plan, index), falId);
  if (!isEarly) yield* fail(inHand, 'media');
  return false;
}

/** Fetches, before anything is paid, what others were paid for; resolves to whether all of it is there. */
export function* fetchPaid(inHand: InHand): Run<boolean> {
  const { world, plan } = inHand;
  let isWhole = true;
  for (const index of plan.indices) {
    const next = yield* lookRepeatedly('read paid notes', () => {
      const image = imageKey(plan, index);
      const falId = stateOf(world, image) === 'paid' ? [...(world.paid.get(image) ?? [])][0] : undefined;
      return falId === undefined ? undefined : { index, falId, nth: highest(world, image) + 1 };
    });
    if (next !== undefined && !(yield* fetchPicture(inHand, next))) isWhole = false;
  }
  return isWhole;
}

/** The originals that a request is rendered from; undefined while one of them is missing. */
export function originalsOf(world: World, plan: RequestPlan) {
  const found = plan.indices.map((index) => {
    const image = imageKey(plan, index);
    const nth = highest(world, image);
    const original = world.originals.get(`${image}#${nth}`);
    return stateOf(world, image) === 'made' && original !== undefined
      ? { image, nth, ...original }
      : undefined;
  });
  const made = found.filter((one) => one !== undefined);
  return made.length === found.length ? made : undefined;
}

/** Marks what cannot be decoded: that it is paid goes first, or it would seem never to have been. */
export function* markDamaged(
  { world }: InHand,
  { image, nth, falId }: { readonly image: string; readonly nth: number; readonly falId: string },
): Run<void> {
  const mark = () => repeated('damaged mark', () => world.damaged.add(`${image}#${nth}`));
  const isEarly = world.mutation === 'damaged-before-paid-note';
  if (isEarly) yield* mark();
  yield* notePaid(world, image, falId);
  if (!isEarly) yield* mark();
}

/** Back to `submitted` where the request itself was paid for what is missing; else somebody else fetches it. */
export function* goBack(inHand: InHand): Run<void> {
  const { world, plan } = inHand;
  const own = yield* lookRepeatedly('whose is it', () =>
    ownPaid(world, plan, world.records.get(plan.id)?.falId),
  );
  if (own === undefined) yield* fail(inHand, 'media');
  else yield* change(inHand, 'refetch', { falId: own });
}

/** The id, if all that is paid and missing of the request was paid by it. */
export function ownPaid(world: World, plan: RequestPlan, falId: string | undefined): string | undefined {
  const paid = imagesIn(world, plan, plan.indices, 'paid');
  const isOwn =
    falId !== undefined && paid.every((index) => world.paid.get(imageKey(plan, index))?.has(falId));
  return isOwn ? falId : undefined;
}

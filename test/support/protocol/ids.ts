import type { InHand } from './in-hand.ts';
import { lookRepeatedly, type Run, repeated } from './steps.ts';
import { createOnce, intentKey, type Taken, type World } from './world.ts';

/** In place of an id: fal refused the round for good. */
export const REFUSED = Symbol('refused');

type OfRound = Pick<Taken, 'request' | 'round'>;

/**
 * Writes down in the store that this round has fal's id, which its record has in Redis; whether it has. An id has one
 * round by the id's own object, and a round one id by its own numbered objects: one of them counts once the ids of all
 * before it are another's. Whoever comes to an object that is not decided yet decides it, so that a run that stopped
 * between the two, and one of before a rebuild, change nothing that others have built upon.
 */
export function* takeId(inHand: InHand, falId: string, how: Taken['how']): Run<boolean> {
  const { world } = inHand;
  const ours = { request: inHand.plan.id, round: inHand.round, how };
  for (let nth = 0; ; nth += 1) {
    const has =
      world.mutation === 'two-ids-for-a-round'
        ? { falId, how }
        : yield* repeated('round', () => createOnce(world.roundObjects, roundKey(ours, nth), { falId, how }));
    if (has === REFUSED) return false;
    const owner = yield* repeated('id', () =>
      createOnce(world.idObjects, has.falId, { ...ours, how: has.how }),
    );
    if (isSame(owner, ours)) return has.falId === falId;
    if (has.falId === falId) return false;
  }
}

/**
 * Writes down that fal refused this round for good; false where it has an id meanwhile. Before the failure itself, or a
 * run that was superseded could fail a round that has found an id.
 */
export function* refuse({ world, plan, round }: InHand): Run<boolean> {
  if (world.mutation === 'refused-in-silence') return true;
  return (yield* closeRound(world, { request: plan.id, round })) === undefined;
}

/** The id that the round has; where it has none, none is given to it from here on. */
export function* closeRound(world: World, ours: OfRound): Run<string | undefined> {
  for (let nth = 0; ; nth += 1) {
    const has = yield* repeated('round', () => createOnce(world.roundObjects, roundKey(ours, nth), REFUSED));
    if (has === REFUSED) return undefined;
    const owner = yield* repeated('id', () =>
      createOnce(world.idObjects, has.falId, { ...ours, how: has.how }),
    );
    if (isSame(owner, ours)) return has.falId;
  }
}

/** The id that this round has by the store, or would have if nobody else is given it first; or that it was refused. */
export function* idOfRound({ world, plan, round }: InHand): Run<string | typeof REFUSED | undefined> {
  const ours = { request: plan.id, round };
  for (let nth = 0; ; nth += 1) {
    const has = yield* lookRepeatedly('read round', () => world.roundObjects.get(roundKey(ours, nth)));
    if (has === undefined || has === REFUSED) return has;
    const owner = yield* lookRepeatedly('read id', () => world.idObjects.get(has.falId));
    if (owner === undefined || isSame(owner, ours)) return has.falId;
  }
}

/** The ids that a round's own objects name, in order. */
export function namedBy(world: World, of: OfRound): readonly string[] {
  const named: string[] = [];
  for (let nth = 0; ; nth += 1) {
    const has = world.roundObjects.get(roundKey(of, nth));
    if (has === undefined || has === REFUSED) return named;
    named.push(has.falId);
  }
}

export function isSame(a: OfRound, b: OfRound): boolean {
  return a.request === b.request && a.round === b.round;
}

const roundKey = ({ request, round }: OfRound, nth: number) => `${intentKey(request, round)}/${nth}`;

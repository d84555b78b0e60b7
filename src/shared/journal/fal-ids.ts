import type { z } from 'zod';
import { isSameRound, objectKeys, type RequestName } from '../store/keys.ts';
import { type IdTaken, idTaken, type RoundHas, roundHas } from './objects.ts';

/**
 * Who has which of fal's ids. An id has one round, by the id's own object (`id`), and a round has one id, by its numbered
 * objects (`roundHas`): of them one counts once the ids of all before it are another round's. Whoever comes to one that
 * is not decided yet decides it. So a run that was stopped between the two, or that goes on after Redis was lost and
 * rebuilt, can give no round a second id, and take none from a round that others have built upon.
 */
export interface IdObjects {
  /** Writes the object unless one stands there; resolves to what stands. */
  standing<T>(key: string, value: T, schema: z.ZodType<T>): Promise<T>;
  read<T>(key: string, schema: z.ZodType<T>): Promise<T | undefined>;
}

/** Takes fal's id for a round; resolves to whether it is the round's from here on. Safe to repeat, by anybody. */
export async function takeId(objects: Pick<IdObjects, 'standing'>, value: IdTaken): Promise<boolean> {
  return (await decide(objects, value)) === value.requestId;
}

/**
 * The id that the round has; where it has none, none is given to it from here on. For a round that fal refused for good:
 * a run that was superseded would fail one else in which its successor has found an id.
 */
export async function closeRound(
  objects: Pick<IdObjects, 'standing'>,
  value: Omit<RoundHas, 'requestId'>,
): Promise<string | undefined> {
  return await decide(objects, value);
}

async function decide(
  { standing }: Pick<IdObjects, 'standing'>,
  value: RoundHas,
): Promise<string | undefined> {
  for (let nth = 0; ; nth += 1) {
    const has = await standing(objectKeys.roundHas(value, value.round, nth), value, roundHas);
    const { requestId } = has;
    if (requestId === undefined) return undefined;
    const owner = await standing(objectKeys.id(requestId), { ...has, requestId }, idTaken);
    if (isSameRound(owner, value)) return requestId;
    if (requestId === value.requestId) return undefined;
  }
}

/** `id`: what the round has, or has unless another one is given it first. `closed`: it is never given one. */
export type RoundOutcome = { readonly kind: 'id'; readonly requestId: string } | { readonly kind: 'closed' };

/** undefined where the store has no word of it. */
export async function outcomeOfRound(
  { read }: Pick<IdObjects, 'read'>,
  request: RequestName,
  round: number,
): Promise<RoundOutcome | undefined> {
  for (let nth = 0; ; nth += 1) {
    const has = await read(objectKeys.roundHas(request, round, nth), roundHas);
    if (has === undefined) return undefined;
    const { requestId } = has;
    if (requestId === undefined) return { kind: 'closed' };
    const owner = await read(objectKeys.id(requestId), idTaken);
    if (owner === undefined || isSameRound(owner, { ...request, round })) return { kind: 'id', requestId };
  }
}

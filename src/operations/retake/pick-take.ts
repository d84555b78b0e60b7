import { UserError } from '../../shared/base/errors.ts';
import type { Clock } from '../../shared/base/time.ts';
import type { Journal } from '../../shared/journal/journal.ts';
import type { ObjectStore } from '../../shared/store/object-store.ts';
import { isOfTake, type TakeRecord, type Takes, writeTake } from '../../shared/takes/takes.ts';
import { laterThan } from './redo.ts';
import type { ChosenShot } from './shots.ts';

export interface PickDeps {
  readonly store: Pick<ObjectStore, 'putOnce'>;
  readonly takes: Pick<Takes, 'recordsOf' | 'deliveredOf'>;
  readonly journal: Pick<Journal, 'readDelivery'>;
  readonly eventId: () => string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export interface PickAsk {
  /** Whose shots they are. */
  readonly batch: string;
  readonly shots: readonly ChosenShot[];
  readonly take: number;
}

/** Variants of a shot for which the take was picked; none where it counted already. */
export interface Picked {
  readonly shot: string;
  readonly indices: readonly number[];
}

interface Choice {
  readonly shot: ChosenShot;
  readonly words: readonly TakeRecord[];
}

/**
 * Makes a take that exists count again, at no cost. Without an index it speaks of all pictures of a shot that have
 * such a take. Rejects with a `UserError`, before anything is written, where a shot has no such take that is delivered.
 */
export async function pickTake({ batch, shots, take }: PickAsk, deps: PickDeps): Promise<readonly Picked[]> {
  const choices: Choice[] = [];
  for (const shot of shots) choices.push(await chooseOf(batch, shot, take, deps));
  for (const { words } of choices) {
    for (const word of words) await writeTake(deps.store, word, deps.eventId(), deps.signal);
  }
  return choices.map(({ shot, words }) => ({
    shot: shot.row.shot,
    indices: words.flatMap(({ indices }) => indices).sort((a, b) => a - b),
  }));
}

async function chooseOf(batch: string, shot: ChosenShot, take: number, deps: PickDeps): Promise<Choice> {
  const { takes, clock } = deps;
  const records = await takes.recordsOf(shot.row.shotKey);
  const at = laterThan(records, clock());
  const words: TakeRecord[] = [];
  // What nobody ever had made anew has take 0 alone, and it counts.
  const found = new Set(
    take === 0 ? shot.indices.filter((index) => newestOf(records, index) === undefined) : [],
  );
  const open = new Set(shot.indices.filter((index) => !found.has(index)));
  for (const record of [...records].reverse().filter((one) => one.take === take)) {
    const delivered = new Set((await takes.deliveredOf(record)).map(({ index }) => index));
    const indices = [...open].filter((index) => delivered.has(index));
    for (const index of indices) {
      open.delete(index);
      found.add(index);
    }
    const changed = indices.filter((index) => newestOf(records, index)?.take !== take);
    if (changed.length > 0) words.push({ ...record, indices: changed, at });
  }
  if (take === 0 && open.size > 0) {
    const { shot: id, shotKey, recipe, row } = shot.row;
    const indices = (await ownDelivered(batch, shot, deps)).filter((index) => open.has(index));
    for (const index of indices) found.add(index);
    if (indices.length > 0)
      words.push({ shot: id, shotKey, recipe, indices, take, batch, row, takeKey: shotKey, at });
  }
  if (found.size === 0) throw noSuchTake(shot, take, records);
  return { shot, words };
}

/**
 * Of a take 0 that nothing is said of though another one was made: it failed its check, was made again, and then a person
 * had it rendered again after all.
 */
async function ownDelivered(
  batch: string,
  { row }: ChosenShot,
  { journal, signal }: PickDeps,
): Promise<number[]> {
  const indices: number[] = [];
  for (const { part } of row.requests) {
    const delivery = await journal.readDelivery({ batch, row: row.row, part }, signal);
    for (const image of delivery?.images ?? []) if (isOfTake(image, row.shotKey)) indices.push(image.index);
  }
  return indices;
}

function newestOf(records: readonly TakeRecord[], index: number): TakeRecord | undefined {
  return records.findLast(({ indices }) => indices.includes(index));
}

function noSuchTake({ row, indices }: ChosenShot, take: number, records: readonly TakeRecord[]): UserError {
  const of = records.filter((record) => record.indices.some((index) => indices.includes(index)));
  const batch = of.findLast((record) => record.take === take)?.batch;
  if (batch !== undefined) {
    return new UserError(
      'take_not_delivered',
      `Take ${take} of ${row.shot} is not delivered: see shotlist status ${batch}.`,
    );
  }
  if (take === 0) {
    return new UserError(
      'take_not_delivered',
      `Take 0 of ${row.shot} is not delivered: it failed its check, and another one was made.`,
    );
  }
  const untouched = indices.some((index) => newestOf(records, index) === undefined);
  const known = [...new Set([...(untouched ? [0] : []), ...of.map((record) => record.take)])].sort(
    (a, b) => a - b,
  );
  const has = known.length === 1 ? `it has only take ${known[0]}` : `it has the takes ${known.join(', ')}`;
  return new UserError('no_such_take', `There is no take ${take} of ${row.shot}: ${has}.`);
}

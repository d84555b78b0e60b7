import { UserError } from '../shared/errors.ts';
import type { ObjectStore } from '../shared/object-store.ts';
import { type TakeRecord, type Takes, writeTake } from '../shared/takes.ts';
import type { Clock } from '../shared/time.ts';
import { laterThan } from './redo.ts';
import type { ChosenShot } from './redo-shots.ts';

export interface PickDeps {
  readonly store: Pick<ObjectStore, 'putOnce'>;
  readonly takes: Pick<Takes, 'recordsOf' | 'deliveredOf'>;
  readonly eventId: () => string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
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
export async function pickTake(
  { shots, take }: { readonly shots: readonly ChosenShot[]; readonly take: number },
  deps: PickDeps,
): Promise<readonly Picked[]> {
  const choices: Choice[] = [];
  for (const shot of shots) choices.push(await chooseOf(shot, take, deps));
  for (const { words } of choices) {
    for (const word of words) await writeTake(deps.store, word, deps.eventId(), deps.signal);
  }
  return choices.map(({ shot, words }) => ({
    shot: shot.row.shot,
    indices: words.flatMap(({ indices }) => indices).sort((a, b) => a - b),
  }));
}

async function chooseOf(shot: ChosenShot, take: number, { takes, clock }: PickDeps): Promise<Choice> {
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
  if (found.size === 0) throw noSuchTake(shot, take, records);
  return { shot, words };
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
  const known = [...new Set([0, ...of.map((record) => record.take)])].sort((a, b) => a - b);
  const has = known.length === 1 ? 'it has only take 0' : `it has the takes ${known.join(', ')}`;
  return new UserError('no_such_take', `There is no take ${take} of ${row.shot}: ${has}.`);
}

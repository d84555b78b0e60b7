import type { Journal } from '../journal.ts';
import type { IdTaken } from '../journal-objects.ts';
import type { PlannedRequest, PlanRow } from '../plan-row.ts';
import type { RestoredRecord } from '../records/restore.ts';
import { type Clock, dayOf } from '../time.ts';
import { settleDoubt } from './derive.ts';
import type { BatchSpent } from './spent.ts';
import type { BatchTraces } from './traces.ts';

export interface DoubtDeps {
  readonly journal: Pick<Journal, 'readIntent' | 'readIdNamed' | 'readRoundId'>;
  /** Of what is POSTed for so many of a row's pictures. */
  readonly inputHash: (row: PlanRow, numImages: number) => string;
  readonly clock: Clock;
}

/** The last round of a request that may have sent something. */
export function sentRoundOf({ intents, ids }: BatchTraces, member: string): number | undefined {
  const rounds = [intents.get(member), ...(ids.get(member) ?? []).map(({ round }) => round)];
  return rounds.reduce((a, b) => (a === undefined || (b !== undefined && b > a) ? b : a), undefined);
}

/** The few reads that names do not spare: the intent, and the objects of the ids that may be its own. */
export async function readDoubt(
  {
    batch,
    row,
    request,
    round,
    traces,
    money,
  }: {
    readonly batch: string;
    readonly row: PlanRow;
    readonly request: PlannedRequest;
    readonly round: number;
    readonly traces: BatchTraces;
    readonly money: BatchSpent | undefined;
  },
  { journal, inputHash, clock }: DoubtDeps,
  signal: AbortSignal,
): Promise<RestoredRecord> {
  const name = { batch, row: row.row, part: request.part };
  const member = `${row.row}.${request.part}`;
  const entries = money?.entries.get(member) ?? [];
  const named = (traces.ids.get(member) ?? [])
    .filter((id) => id.round === round)
    .map(({ segment }) => segment);
  const ids = [];
  let attached: IdTaken | undefined;
  for (const segment of new Set([...named, ...entries.map(({ idSegment }) => idSegment)])) {
    const owner = await journal.readIdNamed(segment, signal);
    const told = owner ?? (await journal.readRoundId(name, round, segment, signal));
    if (told === undefined) continue;
    attached ??= told;
    ids.push({ requestId: told.requestId, segment, owner, named: named.includes(segment) });
  }
  const attachedAtMs = attached?.at ?? clock();
  // Taken from fal's bill for a round that had sent nothing: it may be there without an intent.
  const intent = (await journal.readIntent(name, round, signal)) ?? {
    round,
    reserved: request.maxMicroUsd,
    day: dayOf(attachedAtMs),
    at: attachedAtMs,
    indices: request.indices,
  };
  const doubt = settleDoubt(name, { intent, ids, entries });
  const claim = { shotKey: row.shotKey, indices: request.indices };
  const common = { member, round, intentAtMs: intent.at, claim };
  if (doubt.state === 'unknown') {
    return {
      ...common,
      state: 'unknown',
      reservation: { price: doubt.reserved, day: doubt.day },
      inputHash: inputHash(row, intent.indices.length),
    };
  }
  const { requestId, money: paid } = doubt;
  return {
    ...common,
    state: 'submitted',
    requestId,
    ...(paid.kind === 'booked'
      ? { booked: paid.cost }
      : { reservation: { price: paid.reserved, day: paid.day } }),
  };
}

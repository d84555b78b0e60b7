import { type Clock, dayOf } from '../../shared/base/time.ts';
import type { Journal } from '../../shared/journal/journal.ts';
import { type IdTaken, UNBILLED } from '../../shared/journal/objects.ts';
import type { PlannedRequest, PlanRow } from '../../shared/journal/plan-row.ts';
import type { BatchTraces } from '../../shared/journal/traces.ts';
import type { BatchSpent } from '../../shared/ledger/spent.ts';
import { type Evidence, settleDoubt } from '../../shared/requests/derive.ts';
import type { RestoredRecord } from '../../shared/requests/restore.ts';
import { encodeSegment, JOURNAL, type RequestName } from '../../shared/store/keys.ts';
import { contradicted } from '../../shared/store/objects.ts';

export interface DoubtDeps {
  readonly journal: Pick<
    Journal,
    'readIntent' | 'readIdNamed' | 'readRoundHas' | 'readRoundId' | 'readResult' | 'closeRound'
  >;
  /** Of what is POSTed for so many of a row's pictures. */
  readonly rivalHash: (row: PlanRow) => string;
  readonly clock: Clock;
}

/** The last round of a request that may have sent something. */
export function sentRoundOf({ intents, rounds, ids }: BatchTraces, member: string): number | undefined {
  const got = [...(rounds.get(member) ?? []), ...(ids.get(member) ?? [])];
  return [intents.get(member), ...got.map(({ round }) => round)].reduce(
    (a, b) => (a === undefined || (b !== undefined && b > a) ? b : a),
    undefined,
  );
}

/**
 * The round of a request in doubt that is under way: mostly the last one. But the last intent may be one that a run of
 * before an earlier rebuild wrote behind it, in a round to which nobody has come since; then an earlier round has an id
 * that is not at its end. The others are closed, so that no such run finds an id for one of them any more.
 */
export async function roundUnderWay(
  {
    name,
    last,
    failedRound = -1,
    traces,
  }: {
    readonly name: RequestName;
    readonly last: number;
    readonly failedRound: number | undefined;
    readonly traces: BatchTraces;
  },
  { journal, clock }: DoubtDeps,
  signal: AbortSignal,
): Promise<number> {
  const member = `${name.row}.${name.part}`;
  const seen = [
    ...(traces.earlierIntents.get(member) ?? []),
    ...(traces.rounds.get(member) ?? []).map(({ round }) => round),
  ];
  const earlier = [...new Set(seen)].filter((round) => round > failedRound && round < last);
  for (const round of earlier.sort((a, b) => b - a)) {
    const requestId = await journal.closeRound({ ...name, round, at: clock() }, signal);
    if (requestId === undefined) continue;
    const result = await journal.readResult(requestId, signal);
    if (result?.failure?.code !== UNBILLED) return round;
  }
  return last;
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
  { journal, rivalHash, clock }: DoubtDeps,
  signal: AbortSignal,
): Promise<RestoredRecord> {
  const name = { batch, row: row.row, part: request.part };
  const member = `${row.row}.${request.part}`;
  const entries = money?.entries.get(member) ?? [];
  const { ids, attached } = await readIds(name, { round, traces, entries }, journal, signal);
  const attachedAtMs = attached ?? clock();
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
      rivalHash: rivalHash(row),
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

/** `attached`: when the first of them was taken. */
async function readIds(
  name: RequestName,
  {
    round,
    traces,
    entries,
  }: {
    readonly round: number;
    readonly traces: BatchTraces;
    readonly entries: readonly { readonly idSegment: string }[];
  },
  journal: DoubtDeps['journal'],
  signal: AbortSignal,
): Promise<{ readonly ids: Evidence['ids']; readonly attached: number | undefined }> {
  const member = `${name.row}.${name.part}`;
  const told = new Map<string, IdTaken>();
  for (const one of traces.rounds.get(member) ?? []) {
    const has = one.round === round ? await journal.readRoundHas(name, round, one.nth, signal) : undefined;
    if (has?.requestId === undefined) continue;
    told.set(encodeSegment(has.requestId), { ...has, requestId: has.requestId });
  }
  const named = (traces.ids.get(member) ?? []).filter((id) => id.round === round).map((id) => id.segment);
  const ids = [];
  let attached: number | undefined;
  for (const segment of new Set([...told.keys(), ...named, ...entries.map(({ idSegment }) => idSegment)])) {
    const owner = await journal.readIdNamed(segment, signal);
    const any = owner ?? told.get(segment) ?? (await journal.readRoundId(name, round, segment, signal));
    // Each is of a name that a listing shows; what is booked has its id on record before. Without it the request would
    // count as unknown, and be paid for again in the end.
    if (any === undefined) throw contradicted(`${JOURNAL}ids/${segment}.json`, 'built upon');
    attached ??= any.at;
    ids.push({
      requestId: any.requestId,
      segment,
      owner,
      named: told.has(segment) || named.includes(segment),
    });
  }
  return { ids, attached };
}

import { UserError } from '../../shared/base/errors.ts';
import type { Clock } from '../../shared/base/time.ts';
import { falRequestId } from '../../shared/fal/pages.ts';
import type { Journal } from '../../shared/journal/journal.ts';
import type { Queues } from '../../shared/queues/queues.ts';
import type { RequestRecord } from '../../shared/requests/record.ts';
import type { Records } from '../../shared/requests/records.ts';
import type { House } from '../../shared/requests/steps.ts';
import { isSameRound, parseRequestKey } from '../../shared/store/keys.ts';

/** A person decides what a submit whose answer was lost came to. Each may be repeated; the journal learns of it first. */
export interface DecideDeps {
  readonly house: Pick<House, 'step' | 'give'>;
  readonly records: Pick<Records, 'read'>;
  readonly journal: Pick<Journal, 'readId' | 'readIntent' | 'outcomeOfRound' | 'takeId' | 'writeEvent'>;
  readonly queues: Pick<Queues, 'hurry'>;
  readonly priorityOf: (batch: string) => Promise<number>;
  /** A submit may be under way for so long after its intent. */
  readonly postWindowMs: number;
  /** A name that no other event of the same millisecond has. */
  readonly eventId: () => string;
  readonly clock: Clock;
}

/**
 * `done`: and is in this state by it; an absent request of a cancelled batch is `cancelled`. `already`: it was decided
 * before, by a worker or an earlier call, and is in this state now.
 */
export type Decision =
  | { readonly outcome: 'done'; readonly state: 'submitted' | 'planned' | 'cancelled' }
  | { readonly outcome: 'already'; readonly state: RequestRecord['state'] };

/** Fal's id is this request's: from here on it is collected like any other. Rejects with a `UserError` when it is taken. */
export async function adoptUnknown(request: string, requestId: string, deps: DecideDeps): Promise<Decision> {
  const { house, journal, queues, clock } = deps;
  if (!falRequestId.safeParse(requestId).success) throw noId(requestId);
  const record = await recordOf(request, deps);
  const { name, round } = record;
  const collect = async () =>
    queues.hurry('collect', { request, round, priority: await deps.priorityOf(name.batch) });
  if (record.state !== 'unknown') {
    if (record.requestId !== requestId) throw nothingToDecide(record);
    if (record.state === 'submitted') await collect();
    return { outcome: 'already', state: record.state };
  }
  const known = await journal.outcomeOfRound(name, round);
  if (known?.kind === 'id' && known.requestId !== requestId) throw foundAlready(request, known.requestId);
  if (known?.kind === 'closed') throw closedAlready(request);
  const owner = await journal.readId(requestId);
  if (owner !== undefined && !isSameRound(owner, { ...name, round })) throw taken(requestId);
  const event = { at: clock(), row: name.row, part: name.part, round };
  await journal.writeEvent(name.batch, { kind: 'adopt', ...event, requestId }, `1-${deps.eventId()}`);
  const accepted = await house.step('accept', { request, round, takeId: requestId });
  if (accepted.code === 'taken') throw taken(requestId);
  if (accepted.code !== 'ok') throw nothingToDecide(await recordOf(request, deps));
  // Whoever collects it would write that it was found, and so perhaps another's.
  await journal.takeId({ ...name, round, requestId, at: event.at, how: 'decided' });
  await collect();
  return { outcome: 'done', state: 'submitted' };
}

/**
 * It never arrived at fal: it is planned again, and will be paid for when it is submitted; in a cancelled batch it is
 * cancelled. Rejects with a `UserError` where the store has an id for it: a run took it that did not come to say so.
 */
export async function absentUnknown(request: string, deps: DecideDeps): Promise<Decision> {
  const { house, journal, clock } = deps;
  const record = await recordOf(request, deps);
  const { name, round } = record;
  if (record.state !== 'unknown') return { outcome: 'already', state: record.state };
  const known = await journal.outcomeOfRound(name, round);
  if (known?.kind === 'id') throw foundAlready(request, known.requestId);
  const intent = await journal.readIntent(name, round);
  const restMs = intent === undefined ? 0 : intent.at + deps.postWindowMs - clock();
  // Also what makes a quick repeat harmless: it cannot hit the next round of the same request.
  if (restMs > 0) {
    throw new UserError(
      'too_early',
      `The submit of ${request} may still be under way: decide in ${Math.ceil(restMs / 1_000)} s at the earliest.`,
    );
  }
  const event = { at: clock(), row: name.row, part: name.part, round };
  await journal.writeEvent(name.batch, { kind: 'absent', ...event }, `1-${deps.eventId()}`);
  // A command that was frozen here could meet a later round, whose own submit was lost and did arrive.
  const absent = await house.step('absent', { request, round });
  if (absent.code === 'ok') {
    await house.give('generate', request, absent.round);
    return { outcome: 'done', state: 'planned' };
  }
  const { state } = await recordOf(request, deps);
  // The house cancels what comes back to planned in a cancelled batch.
  return state === 'cancelled' ? { outcome: 'done', state } : { outcome: 'already', state };
}

async function recordOf(request: string, { records }: DecideDeps): Promise<RequestRecord> {
  const record = parseRequestKey(request) === undefined ? undefined : await records.read(request);
  if (record !== undefined) return record;
  throw new UserError(
    'no_request',
    `There is no request ${request}; shotlist unknown list names those that are unknown.`,
  );
}

function noId(requestId: string): UserError {
  return new UserError(
    'no_id',
    `${JSON.stringify(requestId.slice(0, 128))} is no request id of fal's, and nothing was changed; copy it from fal's dashboard.`,
  );
}

function taken(requestId: string): UserError {
  return new UserError(
    'taken',
    `${requestId} is another request's already, so nothing was changed; look for another id on fal's dashboard.`,
  );
}

function foundAlready(request: string, requestId: string): UserError {
  return new UserError(
    'found',
    `fal accepted ${request} as ${requestId}, as the store says: a worker collects it by itself, and nothing was changed.`,
  );
}

function closedAlready(request: string): UserError {
  return new UserError(
    'closed',
    `fal refused ${request}, as the store says, so it has no id there: a worker goes on with it by itself, and nothing was changed.`,
  );
}

function nothingToDecide({ request, state, requestId }: RequestRecord): UserError {
  const has = requestId === undefined ? '' : ` and has fal's id ${requestId}`;
  return new UserError(
    'not_unknown',
    `${request} is ${state}${has}: there is nothing to decide, and nothing was changed.`,
  );
}

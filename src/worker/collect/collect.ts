import { MalformedError } from '../../shared/base/errors.ts';
import { Later } from '../../shared/base/later.ts';
import type { Clock } from '../../shared/base/time.ts';
import type { Journal } from '../../shared/journal/journal.ts';
import type { Result } from '../../shared/journal/objects.ts';
import { rivalHash } from '../../shared/requests/input.ts';
import type { RequestRecord } from '../../shared/requests/record.ts';
import type { Records } from '../../shared/requests/records.ts';
import type { House, Work } from '../../shared/requests/steps.ts';
import { isSameRound } from '../../shared/store/keys.ts';
import type { FetchPictures } from './pictures.ts';
import type { ReadResult } from './result.ts';

export interface CollectDeps {
  readonly house: House;
  readonly records: Records;
  readonly journal: Journal;
  readonly readResult: ReadResult;
  readonly resolveUnknown: (
    record: RequestRecord,
    work: Work,
    signal: AbortSignal,
  ) => Promise<string | undefined>;
  readonly book: (record: RequestRecord, work: Work, result: Result, signal: AbortSignal) => Promise<void>;
  readonly fetchPictures: FetchPictures;
  readonly clock: Clock;
}

/** Redis is being rebuilt, or its steps are refused until it is. */
const LEFT_MS = 5_000;

/**
 * Takes a request whose id is known (or an unknown one) to its stored originals: result, book, fetch, store. Each part
 * is safe to repeat; a crash anywhere costs a read. Throws `Later` where fal is not done, a read failed, or Redis refused
 * a step and nobody else has the request in hand.
 */
export function createCollect(deps: CollectDeps): (request: string, signal: AbortSignal) => Promise<void> {
  const { house, records, journal, clock } = deps;

  return async (request, signal) => {
    await collect(request, signal);
    // A job that comes while Redis is rebuilt finds no record yet, or steps that are refused. Whoever gives jobs at the end
    // of the rebuild may see it still, and give none.
    if (await records.needsHand(request, 'collect')) throw new Later(LEFT_MS, 'left where it was');
  };

  async function collect(request: string, signal: AbortSignal): Promise<void> {
    const record = await records.activate(request, 'collect');
    if (record === undefined) return;
    if (record.state === 'generated' || record.state === 'rendering') {
      await house.give('render', request, record.round);
      return;
    }
    if (record.state !== 'submitted' && record.state !== 'unknown') return;
    const work = await house.work(request, signal);
    const requestId =
      record.state === 'unknown' ? await deps.resolveUnknown(record, work, signal) : record.requestId;
    if (requestId === undefined) {
      if (record.state === 'submitted') throw new MalformedError(`The record of ${request} lacks fal's id.`);
      return;
    }
    await settle(record, work, requestId, signal);
  }

  async function settle(
    record: RequestRecord,
    work: Work,
    requestId: string,
    signal: AbortSignal,
  ): Promise<void> {
    const { request, epoch, round, name } = record;
    // The durable word on whose request this is, before anything is booked. It is not ours only after a Redis that lost
    // writes; then ours is still to be found.
    const owner = await journal.readId(requestId, signal);
    const isOurs =
      owner === undefined
        ? await journal.takeId({ ...name, round, requestId, at: clock(), how: 'found' }, signal)
        : isSameRound(owner, { ...name, round });
    if (!isOurs) {
      await lose(record, work, signal);
      return;
    }
    const answered = await deps.readResult(record, work, requestId, signal);
    if (answered === undefined) return;
    const { result, output } = answered;
    await deps.book(record, work, result, signal);
    const failure = await deps.fetchPictures(record, work, { result, output }, signal);
    if (failure !== undefined) {
      await house.fail(request, epoch, round, failure);
      return;
    }
    const stored = await house.step('store', { request, epoch, round });
    if (stored.code === 'ok') await house.give('render', request, round);
  }

  async function lose(
    { request, epoch, round, name }: RequestRecord,
    work: Work,
    signal: AbortSignal,
  ): Promise<void> {
    const intent = await journal.readIntent(name, round, signal);
    // Of those with the same input it is one again that must find its own.
    const rival = intent && {
      hash: rivalHash(work),
      intentAtMs: intent.at,
    };
    const lost = await house.step('lose', {
      request,
      epoch,
      round,
      ...(rival === undefined ? {} : { rival }),
    });
    if (lost.code === 'ok') throw new Later(1_000, 'the id is not of this request');
  }
}

import pMap from 'p-map';
import type { Logger } from '../shared/base/log.ts';
import type { Clock } from '../shared/base/time.ts';
import { FalError } from '../shared/fal/errors.ts';
import type { FalQueue } from '../shared/fal/queue.ts';
import type { RequestRecord } from '../shared/requests/record.ts';
import type { Records } from '../shared/requests/records.ts';
import { parseJobId, requestKeyOf } from '../shared/store/keys.ts';

export interface WithdrawDeps {
  readonly records: Pick<Records, 'read' | 'noteWithdrawal'>;
  /** Ids of the jobs whose request may be at fal, of whatever batch. */
  readonly idsAtFal: () => Promise<readonly string[]>;
  readonly queue: Pick<FalQueue, 'status' | 'cancel'>;
  /** Of the model that a request asks for. */
  readonly endpointOf: (record: RequestRecord) => Promise<string>;
  /** The request's result can be read now. */
  readonly collect: (record: RequestRecord) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** `withdrawn`: out of fal's queue, not charged. `kept`: running, done, or nobody knows: finished and kept. */
export interface Withdrawn {
  readonly withdrawn: number;
  readonly kept: number;
}

/** Calls of fal at once. */
const AT_ONCE = 16;

/**
 * Cancels at fal those requests of a batch that wait in its queue. The records stay as they are: `collect` ends each
 * when its result confirms it. What runs is not asked to stop, since it is charged all the same. Safe to repeat.
 */
export async function withdrawQueued(
  batch: string,
  deps: WithdrawDeps,
  signal: AbortSignal,
): Promise<Withdrawn> {
  const names = (await deps.idsAtFal()).flatMap((id) => parseJobId(id) ?? []);
  const ours = [...new Set(names.filter((name) => name.batch === batch).map(requestKeyOf))];
  const outcomes = await pMap(
    ours,
    async (request) => {
      const record = await deps.records.read(request);
      if (record?.state !== 'submitted' || record.booked !== undefined) return undefined;
      return await withdrawOne(record, deps, signal);
    },
    { concurrency: AT_ONCE, signal },
  );
  return {
    withdrawn: outcomes.filter((one) => one === true).length,
    kept: outcomes.filter((one) => one === false).length,
  };
}

async function withdrawOne(record: RequestRecord, deps: WithdrawDeps, signal: AbortSignal): Promise<boolean> {
  const { request, requestId } = record;
  if (record.withdrawal?.kind === 'queued') return true;
  if (requestId === undefined) return false;
  const { records, queue, clock, log } = deps;
  try {
    const endpoint = await deps.endpointOf(record);
    const { state } = await queue.status(endpoint, requestId, { logs: 'without-logs', signal });
    if (state !== 'queued') return false;
    // Said before it is done: whoever reads the result meanwhile waits for the answer.
    if (!(await records.noteWithdrawal(request, requestId, { kind: 'asked', atMs: clock() }))) return false;
    const verdict = await queue.cancel(endpoint, requestId, signal);
    await records.noteWithdrawal(
      request,
      requestId,
      verdict === 'cancelled' ? { kind: 'queued' } : undefined,
    );
    if (verdict !== 'cancelled') return false;
    await deps.collect(record);
    return true;
  } catch (error) {
    if (!(error instanceof FalError) || signal.aborted) throw error;
    if (error.fault.kind === 'never-sent') await records.noteWithdrawal(request, requestId, undefined);
    log.warn({ request, requestId, error: error.message }, 'not cancelled at fal; it is finished and kept');
    return false;
  }
}

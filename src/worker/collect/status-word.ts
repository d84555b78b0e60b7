import type { Logger } from '../../shared/base/log.ts';
import { FalError, type FalFault } from '../../shared/fal/errors.ts';
import type { FalFailure, FalQueue } from '../../shared/fal/queue.ts';
import type { Work } from '../../shared/requests/steps.ts';

export interface StatusWordDeps {
  readonly queue: Pick<FalQueue, 'status'>;
  readonly log: Logger;
}

/**
 * The fault of a result. One that says nothing of the run (no images, an answer that cannot be read) is what the status
 * says of it, if that tells of a failed run; a status that cannot be read, or says no more, leaves it as it is.
 */
export function createFaultOfResult({ queue, log }: StatusWordDeps) {
  return async (work: Work, requestId: string, fault: FalFault, signal: AbortSignal): Promise<FalFault> => {
    if (fault.kind !== 'garbled') return fault;
    try {
      const { endpoint } = work.model;
      const { state, failure } = await queue.status(endpoint, requestId, { logs: 'without-logs', signal });
      if (state !== 'done' || failure === undefined) return fault;
      log.warn({ requestId, ...failure }, "fal's result says nothing; its status says that the run failed");
      return faultOfStatus(failure, fault);
    } catch (error) {
      if (error instanceof FalError) return fault;
      throw error;
    }
  };
}

/**
 * Pure: what the status says, as the fault that the result should have been. Where units are billed, or the status names
 * no number, it is final: a run is never repeated on so little.
 */
export function faultOfStatus({ words, type }: FalFailure, result: FalFault): FalFault {
  const said = Number(/\bstatus (4\d\d|5\d\d)\b/.exec(words)?.[1] ?? Number.NaN);
  const isFinal = (result.billableUnits ?? 0) > 0 || Number.isNaN(said);
  return { ...result, kind: 'http', status: isFinal ? 422 : said, type, detail: words };
}

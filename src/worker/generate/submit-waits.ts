import { messageOf } from '../../shared/base/errors.ts';
import type { Logger } from '../../shared/base/log.ts';
import type { Clock } from '../../shared/base/time.ts';
import type { QueueStatus } from '../../shared/fal/queue.ts';
import { jobIdOf, parseRequestKey } from '../../shared/store/keys.ts';
import type { Patience } from '../patience.ts';

/** So long a request may stand in fal's queue before that is worth a word: fal queues what its slots do not hold. */
const QUEUED_MS = 60_000;
/** The longest time between two reads of a status. */
const READ_AGAIN_MS = 5_000;

/** What `generate` waits for, said to `Patience`. */
export interface SubmitWaits {
  /** Nothing of the batch is submitted for that long: another request would meet the same. */
  beforeSubmit(request: string, why: string, forMs: number): void;
  submitted(request: string): void;
  /** Passes the status on, and says where it cannot be read, still stands in the queue, or tells of a failed run. */
  atFal(
    run: { readonly request: string; readonly round: number },
    sent: { readonly requestId: string; readonly postedAtMs: number },
    read: () => Promise<QueueStatus>,
  ): Promise<QueueStatus>;
}

export function createSubmitWaits({
  patience,
  clock,
  log,
}: {
  readonly patience: Patience;
  readonly clock: Clock;
  readonly log: Logger;
}): SubmitWaits {
  const batchOf = (request: string) => parseRequestKey(request)?.batch ?? '';
  const submits = (batch: string) => `${batch} submits`;
  return {
    beforeSubmit(request, why, forMs) {
      const batch = batchOf(request);
      patience.waits({ batch, who: submits(batch), why, forMs });
    },

    submitted: (request) => patience.over(submits(batchOf(request))),

    async atFal({ request, round }, { requestId, postedAtMs }, read) {
      // The job's own name: its end takes the word back.
      const who = `generate ${jobIdOf(request, round)}`;
      const say = (why: string) =>
        patience.waits({ batch: batchOf(request), who, why, forMs: READ_AGAIN_MS });
      let status: QueueStatus;
      try {
        status = await read();
      } catch (error) {
        say(`fal's status cannot be read (${messageOf(error)})`);
        throw error;
      }
      if (status.state === 'queued' && clock() - postedAtMs > QUEUED_MS)
        say("it waits in fal's queue for a slot");
      else patience.over(who);
      if (status.failure !== undefined)
        log.warn({ request, requestId, ...status.failure }, "fal's status says that the run failed");
      return status;
    },
  };
}

import { setMaxListeners } from 'node:events';
import { messageOf } from '../../shared/base/errors.ts';
import type { Logger } from '../../shared/base/log.ts';
import type { Sleep } from '../../shared/base/time.ts';
import type { Queues } from '../../shared/queues/queues.ts';
import type { Batches } from '../../shared/requests/batches.ts';
import { nameOf } from '../../shared/requests/record.ts';
import type { UndecidedRequests } from '../../shared/requests/undecided.ts';

/** After a POST that fal answered: its list shows the new request by one of these, mostly by the first. */
const WAKE_AFTER_MS = [5_000, 15_000, 60_000] as const;

export interface WakerDeps {
  readonly undecided: Pick<UndecidedRequests, 'ofEndpoint'>;
  readonly queues: Pick<Queues, 'hurry'>;
  readonly batches: Pick<Batches, 'read'>;
  readonly sleep: Sleep;
  readonly log: Logger;
}

/** Looks again at what fal's list did not decide, since a new request in it may. */
export interface Waker {
  /** fal answered a POST of the endpoint with an id. Returns at once. */
  answered(endpoint: string): void;
  /** Forgets what was due. */
  close(): void;
}

export function createWaker({ undecided, queues, batches, sleep, log }: WakerDeps): Waker {
  const closing = new AbortController();
  // One listener for each that waits; Node warns of more than ten as of a leak.
  setMaxListeners(0, closing.signal);
  /** `again`: another answer came before the first look that is due. */
  const due = new Map<string, 'once' | 'again'>();

  function answered(endpoint: string): void {
    if (due.has(endpoint)) {
      due.set(endpoint, 'again');
      return;
    }
    due.set(endpoint, 'once');
    for (const [at, ms] of WAKE_AFTER_MS.entries()) {
      sleep(ms, closing.signal)
        .then(async () => {
          const isFirst = at === 0;
          const more = isFirst && due.get(endpoint) === 'again';
          if (isFirst) due.delete(endpoint);
          if (more) answered(endpoint);
          await wake(endpoint);
        })
        .catch((error: unknown) => {
          // The look that each of them takes by itself comes all the same.
          if (!closing.signal.aborted)
            log.warn({ endpoint, error: messageOf(error) }, 'cannot wake what fal left undecided');
        });
    }
  }

  async function wake(endpoint: string): Promise<void> {
    for (const { request, round } of await undecided.ofEndpoint(endpoint)) {
      const priority = (await batches.read(nameOf(request).batch))?.priority ?? 0;
      await queues.hurry('collect', { request, round, priority });
    }
  }

  return { answered, close: () => closing.abort() };
}

import type { Journal } from './journal.ts';
import type { Batches } from './records/batches.ts';
import { readStops, type StopsDeps } from './records/endpoint-stops.ts';
import { type BatchStatus, batchStatus, statusOf } from './status.ts';
import { systemClock } from './time.ts';

export interface StatusDeps extends StopsDeps {
  readonly batches: Pick<Batches, 'read' | 'stopped'>;
  readonly journal: Pick<Journal, 'readSummary'>;
}

/** The batch's present status: from Redis, or from the store once Redis has forgotten it. */
export async function readStatus(deps: StatusDeps, batch: string): Promise<BatchStatus | undefined> {
  const view = await deps.batches.read(batch);
  if (view !== undefined) return statusOf(view, await readStops(deps), systemClock());
  const summary = batchStatus.safeParse(await deps.journal.readSummary(batch));
  return summary.success ? summary.data : undefined;
}

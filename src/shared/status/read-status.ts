import { systemClock } from '../base/time.ts';
import type { Journal } from '../journal/journal.ts';
import type { Batches } from '../requests/batches.ts';
import { readStops, type StopsDeps } from '../requests/endpoint-stops.ts';
import { type BatchStatus, batchStatus, statusOf } from './status.ts';

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

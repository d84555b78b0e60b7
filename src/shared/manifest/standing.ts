import type { Clock } from '../base/time.ts';
import type { Journal } from '../journal/journal.ts';
import type { BatchView } from '../requests/batches.ts';
import { NO_STOPS } from '../requests/endpoint-stops.ts';
import type { Records } from '../requests/records.ts';
import { batchStatus, statusOf } from '../status/status.ts';
import type { RequestEnd } from './manifest.ts';

export interface StandingDeps {
  readonly batch: string;
  readonly journal: Pick<Journal, 'readSummary'>;
  /** The batch and its records in Redis; undefined where Redis cannot be reached. Called once, when first needed. */
  readonly live: () => Promise<
    { readonly view: BatchView | undefined; readonly records: Pick<Records, 'read'> } | undefined
  >;
  readonly clock: Clock;
}

/**
 * How a request stands that was neither delivered nor failed: by its record, or, once Redis has forgotten it, by the
 * batch's summary. Without either it is pending. With `before`, the failure that a person had tried again, it stands as
 * that where nothing came of it.
 */
export function createStanding({ batch, journal, live, clock }: StandingDeps) {
  let opened: ReturnType<StandingDeps['live']> | undefined;
  let summary: Promise<'cancelled' | 'pending' | 'ended'> | undefined;

  return async (request: string, before?: RequestEnd): Promise<RequestEnd> => {
    opened ??= live();
    const redis = await opened;
    if (redis?.view === undefined) {
      summary ??= endBySummary(batch, journal);
      const end = await summary;
      if (end !== 'pending' && before !== undefined) return before;
      return { status: end === 'cancelled' ? 'cancelled' : 'pending' };
    }
    const { view, records } = redis;
    const record = await records.read(request);
    const state = record?.state;
    const unsubmitted = state === 'planned';
    const waits = unsubmitted || state === 'held';
    if (state === 'failed' && before !== undefined) return before;
    // Struck off behind the word, whatever the batch's size.
    if (state === 'cancelled' || (waits && view.word === 'cancelled')) return { status: 'cancelled' };
    if (state === 'held' || (unsubmitted && view.word === 'held')) {
      if (record?.waitsForProof === true)
        return { status: 'held', reason: `it waits for a word on the proof; run shotlist approve ${batch}` };
      const { heldReason } = statusOf(view, NO_STOPS, clock());
      return { status: 'held', reason: heldReason ?? `no room on a cap; run shotlist resume ${batch}` };
    }
    return { status: 'pending' };
  };
}

/** An ended batch left nothing open: what was neither delivered nor failed was cancelled. */
async function endBySummary(
  batch: string,
  journal: StandingDeps['journal'],
): Promise<'cancelled' | 'pending' | 'ended'> {
  const summary = batchStatus.safeParse(await journal.readSummary(batch));
  if (!summary.success) return 'pending';
  return summary.data.counts.cancelled > 0 ? 'cancelled' : 'ended';
}

import type { Journal } from '../journal.ts';
import type { BatchView } from '../records/batches.ts';
import type { Records } from '../records/records.ts';
import { batchStatus, statusOf } from '../status.ts';
import type { Clock } from '../time.ts';
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
 * batch's summary. Without either it is pending.
 */
export function createStanding({ batch, journal, live, clock }: StandingDeps) {
  let opened: ReturnType<StandingDeps['live']> | undefined;
  let summary: Promise<'cancelled' | 'pending'> | undefined;

  return async (request: string): Promise<RequestEnd> => {
    opened ??= live();
    const redis = await opened;
    if (redis?.view === undefined) {
      summary ??= endBySummary(batch, journal);
      return { status: await summary };
    }
    const { view, records } = redis;
    const record = await records.read(request);
    const state = record?.state;
    const unsubmitted = state === 'planned';
    const waits = unsubmitted || state === 'held';
    // Struck off behind the word, whatever the batch's size.
    if (state === 'cancelled' || (waits && view.word === 'cancelled')) return { status: 'cancelled' };
    if (state === 'held' || (unsubmitted && view.word === 'held')) {
      if (record?.waitsForProof === true)
        return { status: 'held', reason: `it waits for a word on the proof; run shotlist approve ${batch}` };
      const { heldReason } = statusOf(view, undefined, clock());
      return { status: 'held', reason: heldReason ?? `no room on a cap; run shotlist resume ${batch}` };
    }
    return { status: 'pending' };
  };
}

/** An ended batch left nothing open: what was neither delivered nor failed was cancelled. */
async function endBySummary(
  batch: string,
  journal: StandingDeps['journal'],
): Promise<'cancelled' | 'pending'> {
  const summary = batchStatus.safeParse(await journal.readSummary(batch));
  return summary.success && summary.data.counts.cancelled > 0 ? 'cancelled' : 'pending';
}

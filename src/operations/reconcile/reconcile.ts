import pMap from 'p-map';
import type { MicroUsd } from '../../shared/base/money.ts';
import { type Clock, dayOf } from '../../shared/base/time.ts';
import type { Billing, BookEvent } from '../../shared/fal/billing.ts';
import { BILLING_DAYS } from '../../shared/fal/limits.ts';
import type { Journal } from '../../shared/journal/journal.ts';
import type { LedgerEntry, LedgerTrace } from '../../shared/journal/objects.ts';
import type { Corrections } from '../../shared/ledger/corrections.ts';
import { mergedLedger } from '../../shared/ledger/ledger.ts';
import { encodeSegment } from '../../shared/store/keys.ts';
import { type Comparison, compare, driftOf, type Pair } from './compare.ts';
import type { Correct, Correction } from './correct.ts';
import type { Explained } from './explain.ts';

export interface ReconcileDeps {
  readonly billing: Billing;
  readonly journal: Pick<Journal, 'listLedger' | 'readResult' | 'readLedger'>;
  readonly corrections: Pick<Corrections, 'adjustments' | 'orphans'>;
  readonly correct: Pick<Correct, 'entry'>;
  readonly explain: (
    charges: Pick<Comparison, 'entryless' | 'orphaned'>,
    signal: AbortSignal,
  ) => Promise<Explained>;
  /** Brings the counters to what was written; resolves to the batches whose money moved. */
  readonly settle: (signal: AbortSignal) => Promise<ReadonlySet<string>>;
  readonly isOurs: (endpoint: string) => boolean;
  /** The money of a batch moved: what is said of it at its end is written again. */
  readonly moved: (batch: string) => Promise<void>;
  readonly clock: Clock;
}

export interface Reconciled extends Explained {
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly entries: number;
  readonly events: number;
  readonly missing: readonly { readonly requestId: string; readonly costMicroUsd: MicroUsd }[];
  /** What the bill said more than the ledger before. */
  readonly driftMicroUsd: MicroUsd;
  /** Charges of endpoints that no model of ours has. */
  readonly ignored: number;
}

const DAY_MS = 86_400_000;
/** Events lag; what is younger is not called missing. */
const MISSING_AFTER_MS = DAY_MS;
const READS_AT_ONCE = 32;

/** The ledger against fal's bill, since that time: reads everything first, then corrects. Safe to repeat and to break off. */
export function createReconcile(deps: ReconcileDeps) {
  const { billing, journal, correct, clock } = deps;

  return async (sinceMs: number, signal: AbortSignal): Promise<Reconciled> => {
    const untilMs = clock();
    // The bill before the ledger: what it shows as booked then is in the ledger by now.
    const charged = await billing.charged({ fromMs: sinceMs - DAY_MS, toMs: untilMs + DAY_MS }, signal);
    const ours = charged.filter(({ endpoint }) => deps.isOurs(endpoint));
    // Days are local to whoever wrote them, and a result may be read long after its run.
    const fromDay = dayOf(sinceMs - 2 * DAY_MS);
    const ledger: LedgerTrace[] = [];
    for await (const trace of mergedLedger(deps, { from: fromDay }, signal)) ledger.push(trace);
    const found = compare(ledger, ours, sinceMs);
    const looked = await lookFor(found.eventless, untilMs, signal);

    const corrected: Correction[] = [];
    for (const { entry, event } of [...found.different, ...looked.different]) {
      const correction = await correct.entry(entry, event.costMicroUsd, signal);
      if (correction !== undefined) corrected.push(correction);
    }
    const explained = await deps.explain(found, signal);
    for (const batch of await deps.settle(signal)) await deps.moved(batch);

    const all = { ...explained, corrected: [...corrected, ...explained.corrected], missing: looked.missing };
    return {
      ...all,
      sinceMs,
      untilMs,
      entries: found.entries,
      events: found.events,
      driftMicroUsd: driftOf(all),
      ignored: charged.filter(({ endpoint, atMs }) => !deps.isOurs(endpoint) && atMs >= sinceMs).length,
    };
  };

  /** Entries without an event in what was read: fal is asked for each that is old enough, over all that it keeps. */
  async function lookFor(eventless: readonly LedgerTrace[], untilMs: number, signal: AbortSignal) {
    const read = await pMap(
      eventless,
      async (trace) => ({ trace, entry: await journal.readLedger(trace.key, signal) }),
      { concurrency: READS_AT_ONCE },
    );
    const old = read.flatMap(({ trace, entry }) =>
      entry.costMicroUsd > 0 && untilMs - Date.parse(entry.ts) > MISSING_AFTER_MS ? [{ trace, entry }] : [],
    );
    const window = { fromMs: untilMs - (BILLING_DAYS - 1) * DAY_MS, toMs: untilMs + DAY_MS };
    const ids = old.map(({ entry }) => entry.requestId);
    const events = ids.length === 0 ? [] : await billing.chargedFor(ids, window, signal);
    return sorted(old, new Map(events.map((event) => [encodeSegment(event.requestId), event])));
  }
}

function sorted(
  old: readonly { readonly trace: LedgerTrace; readonly entry: LedgerEntry }[],
  events: ReadonlyMap<string, BookEvent>,
) {
  const different: Pair[] = [];
  const missing: { requestId: string; costMicroUsd: MicroUsd }[] = [];
  for (const { trace, entry } of old) {
    const event = events.get(trace.idSegment);
    if (event === undefined) missing.push({ requestId: entry.requestId, costMicroUsd: trace.costMicroUsd });
    else if (event.costMicroUsd !== trace.costMicroUsd) different.push({ entry: trace, event });
  }
  return { different, missing };
}

import type { MicroUsd } from '../../shared/base/money.ts';
import { dayOf } from '../../shared/base/time.ts';
import type { BookEvent } from '../../shared/fal/billing.ts';
import type { LedgerTrace } from '../../shared/journal/objects.ts';
import { NO_BATCH_SEGMENT } from '../../shared/ledger/corrections.ts';
import { encodeSegment } from '../../shared/store/keys.ts';

export interface Pair {
  readonly entry: LedgerTrace;
  readonly event: BookEvent;
}

export interface Comparison {
  /** How many of each lie in the window. */
  readonly entries: number;
  readonly events: number;
  /** Charged otherwise than the ledger says. */
  readonly different: readonly Pair[];
  /** In the ledger, and not on the bill that was read. */
  readonly eventless: readonly LedgerTrace[];
  /** Charged, and not in the ledger that was read. */
  readonly entryless: readonly BookEvent[];
  /** Charged, and in the ledger as nobody's. */
  readonly orphaned: readonly BookEvent[];
}

/**
 * Pure: the ledger against fal's bill, by fal's id. Both may reach beyond the window: what lies outside of it is only
 * matched, so that an entry and its charge on two sides of midnight find each other.
 */
export function compare(
  entries: Iterable<LedgerTrace>,
  events: readonly BookEvent[],
  sinceMs: number,
): Comparison {
  const charged = new Map(events.map((event) => [encodeSegment(event.requestId), event]));
  const matched = new Set<string>();
  const nobodys = new Set<string>();
  const different: Pair[] = [];
  const eventless: LedgerTrace[] = [];
  let inWindow = 0;
  for (const entry of entries) {
    const isIn = isEntryIn(entry, sinceMs);
    if (isIn) inWindow += 1;
    const event = charged.get(entry.idSegment);
    if (event === undefined) {
      if (isIn) eventless.push(entry);
      continue;
    }
    matched.add(entry.idSegment);
    if (entry.batchSegment === NO_BATCH_SEGMENT) nobodys.add(entry.idSegment);
    if (event.costMicroUsd !== entry.costMicroUsd && (isIn || event.atMs >= sinceMs))
      different.push({ entry, event });
  }
  const eventsIn = events.filter(({ atMs }) => atMs >= sinceMs);
  const paid = eventsIn.filter(({ costMicroUsd }) => costMicroUsd > 0);
  return {
    entries: inWindow,
    events: eventsIn.length,
    different,
    eventless,
    entryless: paid.filter(({ requestId }) => !matched.has(encodeSegment(requestId))),
    orphaned: paid.filter(({ requestId }) => nobodys.has(encodeSegment(requestId))),
  };
}

/** What the bill says more than the ledger; negative where the ledger says more. An orphan that was attached is in it. */
export function driftOf(found: {
  readonly corrected: readonly { readonly fromMicroUsd: MicroUsd; readonly toMicroUsd: MicroUsd }[];
  readonly missing: readonly { readonly costMicroUsd: MicroUsd }[];
  readonly orphans: readonly { readonly costMicroUsd: MicroUsd }[];
  readonly attached: readonly { readonly costMicroUsd: MicroUsd; readonly wasOrphan: boolean }[];
}): MicroUsd {
  const sum = (list: readonly { readonly costMicroUsd: MicroUsd }[]) =>
    list.reduce((total, { costMicroUsd }) => total + costMicroUsd, 0);
  const corrected = found.corrected.reduce((total, one) => total + one.toMicroUsd - one.fromMicroUsd, 0);
  const attached = found.attached.filter(({ wasOrphan }) => !wasOrphan);
  return corrected + sum(found.orphans) + sum(attached) - sum(found.missing);
}

/** An entry's time is not in its key; the store's own word on it is near enough at the border of the first day. */
function isEntryIn({ day, writtenAtMs }: LedgerTrace, sinceMs: number): boolean {
  const first = dayOf(sinceMs);
  return day > first || (day === first && writtenAtMs >= sinceMs);
}

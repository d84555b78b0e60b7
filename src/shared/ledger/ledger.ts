import type { Journal } from '../journal/journal.ts';
import { parseLedgerKey } from '../journal/ledger-key.ts';
import type { LedgerTrace } from '../journal/objects.ts';
import { encodeSegment, objectKeys } from '../store/keys.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { type AdjustmentKey, type Corrections, NO_BATCH_SEGMENT, type OrphanKey } from './corrections.ts';

export interface MergedLedgerDeps {
  readonly journal: Pick<Journal, 'listLedger' | 'readResult'>;
  readonly corrections: Pick<Corrections, 'adjustments' | 'orphans'>;
}

/**
 * The ledger as fal's bill left it, one key for each request that cost money: an entry or, where it was corrected, its
 * latest adjustment; and the orphans. What each key names can be read as a ledger entry. Newest day last; `from` and
 * `to` are days, both included.
 */
export async function* mergedLedger(
  deps: MergedLedgerDeps,
  range: { readonly from?: string; readonly to?: string } = {},
  signal?: AbortSignal,
): AsyncGenerator<LedgerTrace> {
  const { journal, corrections } = deps;
  const orphans = await standingOrphans(deps, signal);
  const fits = ({ day }: LedgerTrace) =>
    (range.from === undefined || day >= range.from) && (range.to === undefined || day <= range.to);
  const inOrder = orphans.filter(fits).sort((a, b) => (a.day < b.day ? -1 : a.day > b.day ? 1 : 0));
  const entries = new Days(byDay(journal.listLedger(range, signal)));
  const adjustments = new Days(byDay(corrections.adjustments(range, signal)));
  const rest = new Days(byDay(inOrder));
  for (;;) {
    const heads = [await entries.day(), await adjustments.day(), await rest.day()];
    const day = heads.reduce((a, b) => (b === undefined || (a !== undefined && a <= b) ? a : b), undefined);
    if (day === undefined) return;
    const base = [...(await entries.take(day)), ...(await rest.take(day))];
    yield* overlay(base, await adjustments.take(day));
  }
}

/** One day of one batch. */
export async function mergedBatchDay(
  {
    store,
    corrections,
  }: { store: Pick<ObjectStore, 'list'>; corrections: Pick<Corrections, 'adjustmentsOf'> },
  batch: string,
  day: string,
  signal: AbortSignal,
): Promise<LedgerTrace[]> {
  const base: LedgerTrace[] = [];
  for await (const listed of store.list(`${objectKeys.ledgerDay(day)}${encodeSegment(batch)}/`, { signal })) {
    const parsed = parseLedgerKey(listed);
    if (parsed !== undefined) base.push(parsed);
  }
  const adjustments: AdjustmentKey[] = [];
  for await (const one of corrections.adjustmentsOf(batch, day, signal)) adjustments.push(one);
  return overlay(base, adjustments);
}

/** Those that are orphans still: one that a request took later is in the ledger by that request. */
async function standingOrphans(
  {
    journal,
    corrections,
  }: {
    readonly journal: Pick<Journal, 'readResult'>;
    readonly corrections: Pick<Corrections, 'orphans'>;
  },
  signal?: AbortSignal,
): Promise<OrphanKey[]> {
  const standing: OrphanKey[] = [];
  for await (const one of corrections.orphans(signal)) {
    if ((await journal.readResult(one.orphan.requestId, signal)) === undefined) standing.push(one);
  }
  return standing;
}

/** Of several corrections of one entry the one with the highest number, and of equals the dearest. */
export function latestOf(adjustments: Iterable<AdjustmentKey>): Map<string, AdjustmentKey> {
  const latest = new Map<string, AdjustmentKey>();
  for (const one of adjustments) {
    const standing = latest.get(nameOf(one));
    const isLater =
      standing === undefined ||
      one.sequence > standing.sequence ||
      (one.sequence === standing.sequence && one.costMicroUsd > standing.costMicroUsd);
    if (isLater) latest.set(nameOf(one), one);
  }
  return latest;
}

/** A correction without an entry stands for itself: fal billed what was taken for free. */
function overlay(base: readonly LedgerTrace[], adjustments: readonly AdjustmentKey[]): LedgerTrace[] {
  if (adjustments.length === 0) return [...base];
  const latest = latestOf(adjustments);
  const merged = base.map((one) => {
    const adjusted = latest.get(nameOf(one));
    latest.delete(nameOf(one));
    return adjusted ?? one;
  });
  // That of an orphan which a request took goes with the orphan.
  return [...merged, ...[...latest.values()].filter((one) => one.batchSegment !== NO_BATCH_SEGMENT)];
}

function nameOf({ batchSegment, idSegment }: LedgerTrace): string {
  return `${batchSegment}/${idSegment}`;
}

interface OneDay<T> {
  readonly day: string;
  readonly ofDay: readonly T[];
}

/** Keys come sorted by day; each day's are handed over together. */
export async function* byDay<T extends { readonly day: string }>(
  keys: AsyncIterable<T> | Iterable<T>,
): AsyncGenerator<OneDay<T>> {
  let ofDay: T[] = [];
  for await (const key of keys) {
    const [first] = ofDay;
    if (first !== undefined && first.day !== key.day) {
      yield { day: first.day, ofDay };
      ofDay = [];
    }
    ofDay.push(key);
  }
  const [first] = ofDay;
  if (first !== undefined) yield { day: first.day, ofDay };
}

/** Looks one day ahead. */
class Days<T> {
  readonly #source: AsyncGenerator<OneDay<T>>;
  #next: Promise<IteratorResult<OneDay<T>>> | undefined;

  constructor(source: AsyncGenerator<OneDay<T>>) {
    this.#source = source;
  }

  async day(): Promise<string | undefined> {
    const next = await this.#peek();
    return next.done === true ? undefined : next.value.day;
  }

  /** Nothing where the next day is another. */
  async take(day: string): Promise<readonly T[]> {
    const next = await this.#peek();
    if (next.done === true || next.value.day !== day) return [];
    this.#next = undefined;
    return next.value.ofDay;
  }

  async #peek() {
    this.#next ??= this.#source.next();
    return await this.#next;
  }
}

import { type Clock, systemClock } from '../shared/base/time.ts';
import type { Journal } from '../shared/journal/journal.ts';
import type { Head, LedgerKey } from '../shared/journal/objects.ts';
import { Corrections } from '../shared/ledger/corrections.ts';
import { batchDays, type DayRange } from '../shared/ledger/days.ts';
import { mergedBatchDay, mergedLedger } from '../shared/ledger/ledger.ts';
import type { ObjectStore } from '../shared/store/object-store.ts';
import { type BatchLookup, unknownBatch } from './batch-lookup.ts';

export interface LedgerKeysDeps {
  readonly journal: Pick<Journal, 'listLedger' | 'readResult'>;
  readonly store: Pick<ObjectStore, 'get' | 'list' | 'putOnce'>;
  readonly clock: Clock;
}

/** The keys that a command was asked for. Throws a `UserError` where there is no such batch. */
export async function askedLedgerKeys(
  { store, journal, simulatedElsewhere }: BatchLookup & { readonly journal: Journal },
  args: DayRange & { readonly batch?: string },
  signal: AbortSignal,
): Promise<AsyncGenerator<LedgerKey>> {
  const head = args.batch === undefined ? undefined : await journal.readHead(args.batch, signal);
  if (args.batch !== undefined && head === undefined)
    throw await unknownBatch(args.batch, { store, journal, simulatedElsewhere }, signal);
  return ledgerKeys({ journal, store, clock: systemClock }, { ...args, batch: head }, signal);
}

/** The ledger's keys in order of their days, corrected by fal's bill: of everything, or of one batch. */
async function* ledgerKeys(
  { journal, store, clock }: LedgerKeysDeps,
  { batch, ...range }: DayRange & { readonly batch?: Head | undefined },
  signal: AbortSignal,
): AsyncGenerator<LedgerKey> {
  const corrections = new Corrections({ store });
  if (batch === undefined) {
    yield* mergedLedger({ journal, corrections }, range, signal);
    return;
  }
  for (const day of batchDays(batch, range, clock()))
    yield* await mergedBatchDay({ store, corrections }, batch.batch, day, signal);
}

import { batchDays, type DayRange } from '../shared/batch-days.ts';
import { Corrections } from '../shared/corrections.ts';
import type { Journal } from '../shared/journal.ts';
import type { Head, LedgerKey } from '../shared/journal-objects.ts';
import { mergedBatchDay, mergedLedger } from '../shared/merged-ledger.ts';
import type { ObjectStore } from '../shared/object-store.ts';
import { type Clock, systemClock } from '../shared/time.ts';
import type { Context } from './context.ts';
import { type OpenedStore, type OperatorArguments, unknownBatch } from './operator.ts';

export interface LedgerKeysDeps {
  readonly journal: Pick<Journal, 'listLedger' | 'readResult'>;
  readonly store: Pick<ObjectStore, 'get' | 'list' | 'putOnce'>;
  readonly clock: Clock;
}

/** The keys that a command was asked for. Throws a `UserError` where there is no such batch. */
export async function askedLedgerKeys(
  context: Context,
  args: OperatorArguments & DayRange & { readonly batch?: string },
  opened: OpenedStore,
): Promise<AsyncGenerator<LedgerKey>> {
  const { journal, store } = opened;
  const { signal } = context;
  const head = args.batch === undefined ? undefined : await journal.readHead(args.batch, signal);
  if (args.batch !== undefined && head === undefined)
    throw await unknownBatch(context, args, args.batch, opened);
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

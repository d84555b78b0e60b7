import { UserError } from '../shared/base/errors.ts';
import { nearest } from '../shared/base/nearest.ts';
import type { Journal } from '../shared/journal/journal.ts';
import { foldersIn } from '../shared/store/folders.ts';
import { JOURNAL } from '../shared/store/keys.ts';
import type { ObjectStore } from '../shared/store/object-store.ts';

export interface BatchLookup {
  readonly store: ObjectStore;
  readonly journal: Pick<Journal, 'readHead'>;
  /** Batches that Redis knows. */
  readonly known?: readonly string[];
  /** Whether simulated work lies beside, which real work does not see. */
  readonly simulatedElsewhere: boolean;
}

/** So many batches of the store are looked at for one that is called nearly so. */
const LOOKED_AT = 200;

/** The sentence for a batch that is not there: what it may have been called, or where else it may be. */
export async function unknownBatch(
  batch: string,
  { store, journal, known = [], simulatedElsewhere }: BatchLookup,
  signal: AbortSignal,
): Promise<UserError> {
  if ((await journal.readHead(batch, signal)) !== undefined) {
    return new UserError(
      'redis_lost',
      `Batch ${batch} is in the store, but Redis does not know it; run shotlist rebuild ${batch}.`,
    );
  }
  const names = [...known, ...(known.length < LOOKED_AT ? await storedBatches(store, signal) : [])];
  const near = nearest(batch, names);
  const hint =
    near !== undefined
      ? `did you mean ${near}?`
      : simulatedElsewhere
        ? 'add --simulate if it was made in a simulated run.'
        : 'shotlist status lists them.';
  return new UserError('unknown_batch', `There is no batch ${batch}: ${hint}`);
}

/** Batches by the names of their folders. */
async function storedBatches(store: ObjectStore, signal: AbortSignal): Promise<string[]> {
  const names: string[] = [];
  for await (const segment of foldersIn(store, `${JOURNAL}batches/`, signal)) {
    // An encoded name ends in a hash of what it stands for; what stands before it is near enough to recognise.
    names.push(segment.replace(/~[0-9a-z]{12}$/, ''));
    if (names.length >= LOOKED_AT) break;
  }
  return names;
}

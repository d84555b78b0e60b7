import type { Clock } from '../base/time.ts';
import { retiredOf } from '../catalog/retired.ts';
import type { Journal } from '../journal/journal.ts';
import type { Head } from '../journal/objects.ts';
import { costsByRow } from '../ledger/row-costs.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { Takes } from '../takes/takes.ts';
import type { ManifestLine } from './manifest.ts';
import { type ManifestDeps, manifestLines } from './manifest-lines.ts';
import { createStanding, type StandingDeps } from './standing.ts';

export interface BatchManifestDeps {
  readonly store: ObjectStore;
  readonly journal: ManifestDeps['journal'] & Pick<Journal, 'readSummary' | 'readHead'>;
  readonly live: StandingDeps['live'];
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** What `export` prints and what an ended batch leaves in the bucket: one line a shot, in the order of the list. */
export async function batchManifest(
  head: Head,
  deps: BatchManifestDeps,
): Promise<AsyncGenerator<ManifestLine>> {
  return manifestLines(head, await manifestDepsOf(head, deps));
}

/** Everything that is known of a batch's shots, read where a listing is enough. */
export async function manifestDepsOf(
  head: Head,
  { store, journal, live, clock, signal }: BatchManifestDeps,
): Promise<ManifestDeps> {
  return {
    journal,
    takes: await Takes.load({ store, journal, signal }),
    urlOf: (key) => store.urlOf(key),
    costOfRow: await costsByRow({ store, clock }, head, signal),
    standing: createStanding({ batch: head.batch, journal, live, clock }),
    retired: await retiredOf(head, { store, journal, signal }),
    signal,
  };
}

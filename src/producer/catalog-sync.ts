import { MalformedError } from '../shared/base/errors.ts';
import { newestEntry } from '../shared/catalog/catalog.ts';
import { ShotTable, type WantedShot } from '../shared/catalog/shot-table.ts';
import type { Journal } from '../shared/journal/journal.ts';
import { planShots } from '../shared/journal/plan-shots.ts';
import type { ObjectStore } from '../shared/store/object-store.ts';
import { leanHeap } from './lean-heap.ts';

/** How a list differs from the one of its name that was queued last. Counts are of rows. */
export interface SyncTotals {
  /** The batch it is compared with; may be the list's own. */
  readonly with: string;
  readonly new: number;
  /** Another prompt, model or paid option, or more variants. */
  readonly changed: number;
  readonly unchanged: number;
  readonly gone: number;
  /** The first 20 of them, in the order of the earlier list. */
  readonly goneIds: readonly string[];
}

export interface CatalogSync {
  /** Each row of the list, in any order. */
  see(shot: WantedShot): void;
  /** To be called once, when all were seen. */
  totals(): Promise<SyncTotals>;
}

export interface CatalogSyncDeps {
  readonly store: Pick<ObjectStore, 'get' | 'list'>;
  readonly journal: Pick<Journal, 'readHead'>;
  readonly signal?: AbortSignal;
}

const SHOWN_GONE = 20;
/** Rows of an earlier list from which on the tables of a comparison weigh. */
const LARGE = 100_000;

/**
 * Whether the list that the catalog was last has pictures of this model. A plan that is no longer whole in the store says
 * no: the comparison of the lists warns of it.
 */
export async function hasPicturesOf(
  endpoint: string,
  catalog: string,
  {
    store,
    journal,
    made,
    signal,
  }: CatalogSyncDeps & {
    readonly made: (shotKey: string, variants: number) => Promise<readonly number[]>;
  },
): Promise<boolean> {
  const entry = await newestEntry(store, catalog, signal);
  const head = entry === undefined ? undefined : await journal.readHead(entry.batch, signal);
  if (head === undefined) return false;
  try {
    for await (const { model, shotKey, variants } of planShots(head, store, signal)) {
      if (model === endpoint && (await made(shotKey, variants)).length > 0) return true;
    }
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
  }
  return false;
}

/**
 * Reads the plan that the catalog was last. undefined where there is none to compare with: the first list of its name,
 * or a plan that is no longer whole in the store, which `warn` is told. Memory: 26 MB for a million rows.
 */
export async function openCatalogSync(
  catalog: string,
  { store, journal, signal }: CatalogSyncDeps,
  warn: (sentence: string) => void,
): Promise<CatalogSync | undefined> {
  const entry = await newestEntry(store, catalog, signal);
  const head = entry === undefined ? undefined : await journal.readHead(entry.batch, signal);
  if (head === undefined) return undefined;
  if (head.shots >= LARGE) leanHeap();
  const earlier = new ShotTable(head.shots);
  try {
    for await (const shot of planShots(head, store, signal)) earlier.add(shot);
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    warn(`${error.message} This list is therefore not compared with it.`);
    return undefined;
  }
  const counts = { new: 0, changed: 0, unchanged: 0 };
  return {
    see(shot) {
      counts[earlier.meet(shot)] += 1;
    },
    async totals() {
      const gone = earlier.size - earlier.met;
      const goneIds: string[] = [];
      const wanted = Math.min(gone, SHOWN_GONE);
      if (wanted > 0) {
        for await (const { shot } of planShots(head, store, signal)) {
          if (!earlier.isMet(shot)) goneIds.push(shot);
          if (goneIds.length === wanted) break;
        }
      }
      return { with: head.batch, ...counts, gone, goneIds };
    },
  };
}

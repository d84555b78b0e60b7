import { objectKeys } from './keys.ts';
import type { ObjectStore } from './object-store.ts';
import type { PlanRow } from './plan-row.ts';
import { optional } from './time.ts';

export interface Original {
  readonly index: number;
  readonly key: string;
  /** By the store's clock, ms since 1970. */
  readonly storedAtMs: number;
}

/**
 * The pictures of a shot that are stored already, by the variant's number. What is listed was paid for, and what is not
 * listed is paid for. For that to be wrong the store would have to leave a key out of a listing that is a
 * `ListBucketResult` of this very folder, says that it is whole, and counts no key more than it shows (`s3-listing.ts`).
 */
export async function originalsOf(
  store: Pick<ObjectStore, 'list'>,
  shotKey: string,
  signal?: AbortSignal,
): Promise<Original[]> {
  const folder = objectKeys.originals(shotKey);
  const found: Original[] = [];
  for await (const { key, lastModifiedMs } of store.list(folder, optional(signal))) {
    const match = /^(\d{1,3})\.[a-z0-9]+$/.exec(key.slice(folder.length));
    if (match !== null) found.push({ index: Number(match[1]), key, storedAtMs: lastModifiedMs });
  }
  return found;
}

/** Those that a row of a plan wants: of a later take where the plan names one and it is stored, else of the row's own. */
export async function originalsOfRow(
  store: Pick<ObjectStore, 'list'>,
  { shotKey, takes = {} }: Pick<PlanRow, 'shotKey' | 'takes'>,
  signal?: AbortSignal,
): Promise<Original[]> {
  const found = new Map((await originalsOf(store, shotKey, signal)).map((one) => [one.index, one]));
  for (const takeKey of new Set(Object.values(takes))) {
    for (const one of await originalsOf(store, takeKey, signal)) {
      if (takes[one.index] === takeKey) found.set(one.index, one);
    }
  }
  return [...found.values()];
}

export async function madeOf(
  store: Pick<ObjectStore, 'list'>,
  shotKey: string,
  signal?: AbortSignal,
): Promise<ReadonlySet<number>> {
  return new Set((await originalsOf(store, shotKey, signal)).map(({ index }) => index));
}

/** `madeOf` of what a row of a plan wants. */
export async function madeOfRow(
  store: Pick<ObjectStore, 'list'>,
  row: Pick<PlanRow, 'shotKey' | 'takes'>,
  signal?: AbortSignal,
): Promise<ReadonlySet<number>> {
  return new Set((await originalsOfRow(store, row, signal)).map(({ index }) => index));
}

import { optional } from '../base/time.ts';
import type { PlanRow } from '../journal/plan-row.ts';
import { objectKeys } from '../store/keys.ts';
import type { ListedObject, ObjectStore } from '../store/object-store.ts';
import { indicesIn, type Original, type Variant, type Variants, variantsOf } from './variants.ts';

/** How the variants of a shot stand, by one listing. Those of which nothing is stored are not in it. */
export async function listVariants(
  store: Pick<ObjectStore, 'list'>,
  shotKey: string,
  signal?: AbortSignal,
): Promise<Variants> {
  const listed: ListedObject[] = [];
  for await (const one of store.list(objectKeys.originals(shotKey), optional(signal))) listed.push(one);
  return variantsOf(listed);
}

/** Those that a row of a plan wants: of a later take where the plan names one and it is made, else of the row's own. */
export async function listVariantsOfRow(
  store: Pick<ObjectStore, 'list'>,
  { shotKey, takes = {} }: Pick<PlanRow, 'shotKey' | 'takes'>,
  signal?: AbortSignal,
): Promise<Variants> {
  const found = new Map<number, Variant>(await listVariants(store, shotKey, signal));
  for (const takeKey of new Set(Object.values(takes))) {
    for (const [index, variant] of await listVariants(store, takeKey, signal)) {
      if (takes[index] === takeKey && variant.state === 'made') found.set(index, variant);
    }
  }
  return found;
}

/**
 * The pictures of a shot that are made already, by the variant's number. What is listed was paid for, and what is not
 * listed is paid for. For that to be wrong the store would have to leave a key out of a listing that is a
 * `ListBucketResult` of this very folder, says that it is whole, and counts no key more than it shows (`s3-listing.ts`).
 */
export async function originalsOf(
  store: Pick<ObjectStore, 'list'>,
  shotKey: string,
  signal?: AbortSignal,
): Promise<Original[]> {
  return originalsIn(await listVariants(store, shotKey, signal));
}

/** `originalsOf` of what a row of a plan wants. */
export async function originalsOfRow(
  store: Pick<ObjectStore, 'list'>,
  row: Pick<PlanRow, 'shotKey' | 'takes'>,
  signal?: AbortSignal,
): Promise<Original[]> {
  return originalsIn(await listVariantsOfRow(store, row, signal));
}

export async function madeOf(
  store: Pick<ObjectStore, 'list'>,
  shotKey: string,
  signal?: AbortSignal,
): Promise<ReadonlySet<number>> {
  return new Set(indicesIn(await listVariants(store, shotKey, signal), 'made'));
}

/** Those that nobody has to pay for: made, or paid and still to be fetched. */
export async function keptOf(
  store: Pick<ObjectStore, 'list'>,
  shotKey: string,
  signal?: AbortSignal,
): Promise<ReadonlySet<number>> {
  const variants = await listVariants(store, shotKey, signal);
  return new Set([...indicesIn(variants, 'made'), ...indicesIn(variants, 'paid')]);
}

function originalsIn(variants: Variants): Original[] {
  return [...variants.values()].flatMap(({ original }) => original ?? []);
}

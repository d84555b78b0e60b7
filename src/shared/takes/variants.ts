import { ORIGINALS } from '../store/keys.ts';
import type { ListedObject } from '../store/object-store.ts';

/**
 * How a variant of a shot stands by the names under its shot key. `made`: its highest picture has no damaged mark.
 * `paid`: fal was paid for it and its picture cannot be had yet, so that it is fetched before anything is paid again.
 * A variant that is neither has no entry.
 */
export type VariantState = 'made' | 'paid' | 'nothing';

export interface Original {
  readonly index: number;
  readonly key: string;
  /** By the store's clock, ms since 1970. */
  readonly storedAtMs: number;
}

export interface Variant {
  readonly index: number;
  readonly state: VariantState;
  /** Only where it is `made`. */
  readonly original: Original | undefined;
  /** Ids of the paid requests whose picture is not gone, as they are written in keys. */
  readonly paidBy: readonly string[];
  /** A file that versions before the paid notes kept although it is no picture; its metadata names the request. */
  readonly legacyKey: string | undefined;
  /** The damaged marks of its pictures. */
  readonly damagedKeys: readonly string[];
  /** The number of the picture that comes next: none is ever overwritten. */
  readonly nextNth: number;
}

export type Variants = ReadonlyMap<number, Variant>;

interface Names {
  readonly pictures: Map<number, Original>;
  readonly damaged: Map<number, string>;
  readonly paid: Set<string>;
  readonly gone: Set<string>;
  legacyKey: string | undefined;
}

const PICTURE = /^(\d{1,3})(?:\.(\d{1,3}))?\.(png|jpg|webp|bin)$/;
const DAMAGED = /^(\d{1,3})(?:\.(\d{1,3}))?\.damaged\.json$/;
const NOTE = /^(\d{1,3})\.(paid|gone)\.(.+)\.json$/;

/** Reads a listing of the originals of one shot. Pure; names that are none of ours count for nothing. */
export function variantsOf(listed: Iterable<Pick<ListedObject, 'key' | 'lastModifiedMs'>>): Variants {
  const byIndex = new Map<number, Names>();
  const namesOf = (index: string | undefined): Names => {
    const known = byIndex.get(Number(index));
    if (known !== undefined) return known;
    const names: Names = {
      pictures: new Map(),
      damaged: new Map(),
      paid: new Set(),
      gone: new Set(),
      legacyKey: undefined,
    };
    byIndex.set(Number(index), names);
    return names;
  };
  for (const { key, lastModifiedMs } of listed) {
    const name = key.slice(key.lastIndexOf('/') + 1);
    const picture = PICTURE.exec(name);
    if (picture !== null) {
      const [, index, nth = '1', extension] = picture;
      const names = namesOf(index);
      if (extension === 'bin') names.legacyKey = key;
      else names.pictures.set(Number(nth), { index: Number(index), key, storedAtMs: lastModifiedMs });
      continue;
    }
    const damaged = DAMAGED.exec(name);
    if (damaged !== null) {
      namesOf(damaged[1]).damaged.set(Number(damaged[2] ?? '1'), key);
      continue;
    }
    const note = NOTE.exec(name);
    if (note === null) continue;
    const [, index, kind, segment = ''] = note;
    namesOf(index)[kind === 'paid' ? 'paid' : 'gone'].add(segment);
  }
  return new Map([...byIndex].map(([index, names]) => [index, variantOf(index, names)]));
}

function variantOf(index: number, { pictures, damaged, paid, gone, legacyKey }: Names): Variant {
  const highest = Math.max(0, legacyKey === undefined ? 0 : 1, ...pictures.keys(), ...damaged.keys());
  const original = damaged.has(highest) ? undefined : pictures.get(highest);
  const paidBy = [...paid].filter((segment) => !gone.has(segment));
  const isPaid = paidBy.length > 0 || (legacyKey !== undefined && gone.size === 0);
  return {
    index,
    state: original !== undefined ? 'made' : isPaid ? 'paid' : 'nothing',
    original,
    paidBy,
    legacyKey,
    damagedKeys: [...damaged].sort(([a], [b]) => a - b).map(([, key]) => key),
    nextNth: highest + 1,
  };
}

/** The indices that stand so, in ascending order. */
export function indicesIn(variants: Variants, state: Exclude<VariantState, 'nothing'>): readonly number[] {
  return [...variants.values()]
    .filter((variant) => variant.state === state)
    .map(({ index }) => index)
    .sort((a, b) => a - b);
}

/** How a variant stands, also where the listing has no name of it. */
export function stateOf(variants: Variants, index: number): VariantState {
  return variants.get(index)?.state ?? 'nothing';
}

/** Which picture of its variant an original is: 1, or more where those before it are damaged. */
export function nthOf(key: string): number {
  return Number(PICTURE.exec(key.slice(key.lastIndexOf('/') + 1))?.[2] ?? '1');
}

/** Whose shot key an object under `originals/` has; undefined where it is none of ours. */
export function shotKeyIn(key: string): string | undefined {
  return /^([0-9a-f]{32})\//.exec(key.slice(ORIGINALS.length))?.[1];
}

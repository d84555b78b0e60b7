import { LRUCache } from 'lru-cache';
import pMap from 'p-map';
import { optional } from '../../shared/base/time.ts';
import { ORIGINALS } from '../../shared/store/keys.ts';
import type { ListedObject, ObjectStore } from '../../shared/store/object-store.ts';
import { listVariants } from '../../shared/takes/originals.ts';
import { indicesIn, shotKeyIn, type Variants, variantsOf } from '../../shared/takes/variants.ts';
import { OriginalsTable } from './originals-table.ts';

/** One page of any S3 store. */
const PAGE_KEYS = 1_000;
/** From so many pages on the listing goes by the first digit of the shot keys, several digits at once. */
const MANY_PAGES = 64;
const DIGITS = [...'0123456789abcdef'];
const LISTS_AT_ONCE = 8;
/** A plan asks for what is made and what is paid of a shot in the same moment: one look answers both. */
const LOOKS_KEPT = 256;
/** A shot has at most 100 variants; a higher number is none of ours. */
const MAX_INDEX = 127;

/** Of a shot, those of its first `variants` variants that stand so, in ascending order. */
type Indices = (shotKey: string, variants: number) => Promise<readonly number[]>;

export interface Made {
  /** Stored as pictures. */
  readonly made: Indices;
  /** Paid at fal, and not to be had yet: they are fetched, and never paid for again. */
  readonly paid: Indices;
}

/**
 * Which variants of a shot exist already; what is missing here is quoted as to be paid, and looked for once more, by
 * itself, before it is (`originals.ts` says what would have to lie). A look at one shot costs the store a request, and so does a page of the
 * listing of all: shots are looked at one by one until that has cost as much as the whole listing would, and then it is
 * made. Whatever list and store are like, this takes at most twice the requests of the better way, and a page. The
 * length of the listing is told by its first page: shot keys are hashes, so how far it reaches says how many there are.
 * Memory: 22 bytes an original, and nothing before the listing is made.
 */
export async function createMade(store: Pick<ObjectStore, 'list'>, signal?: AbortSignal): Promise<Made> {
  const first = await firstPage(store, signal);
  const kept = new LRUCache<string, Promise<Variants>>({ max: LOOKS_KEPT });
  let looks = 0;
  let all: Promise<OriginalsTable[]> | undefined;

  const indicesOf = async (shotKey: string, state: 'made' | 'paid'): Promise<readonly number[]> => {
    if (first.whole) return first.table.indicesOf(shotKey, state);
    const known = kept.get(shotKey);
    if (known !== undefined) return indicesIn(await known, state);
    if (all === undefined && looks < first.pages) {
      looks += 1;
      const look = listVariants(store, shotKey, signal);
      kept.set(shotKey, look);
      return indicesIn(await look, state);
    }
    all ??= listAll(store, first.pages, signal);
    const tables = await all;
    const table = tables.length === 1 ? tables[0] : tables[Number.parseInt(shotKey.slice(0, 1), 16)];
    return table?.indicesOf(shotKey, state) ?? [];
  };
  const below =
    (state: 'made' | 'paid'): Indices =>
    async (shotKey, variants) =>
      (await indicesOf(shotKey, state)).filter((index) => index < variants);
  return { made: below('made'), paid: below('paid') };
}

async function firstPage(
  store: Pick<ObjectStore, 'list'>,
  signal: AbortSignal | undefined,
): Promise<
  { readonly whole: true; readonly table: OriginalsTable } | { readonly whole: false; readonly pages: number }
> {
  const filling = fillTable();
  let keys = 0;
  let reach = '';
  for await (const one of store.list(ORIGINALS, optional(signal))) {
    keys += 1;
    // Keys come in their order: this is how much of all hashes the page has passed.
    if (keys > PAGE_KEYS) return { whole: false, pages: pagesBy(reach) };
    reach = filling.add(one) ?? reach;
  }
  return { whole: true, table: filling.finish() };
}

function pagesBy(reach: string): number {
  const passed = (Number.parseInt(reach.slice(0, 12), 16) + 1) / 16 ** 12;
  // No original in a whole page: what lies there is not ours, and nothing can be told by it.
  return Number.isNaN(passed) ? 1 : Math.ceil(1 / passed);
}

async function listAll(
  store: Pick<ObjectStore, 'list'>,
  pages: number,
  signal: AbortSignal | undefined,
): Promise<OriginalsTable[]> {
  return await pMap(
    pages < MANY_PAGES ? [''] : DIGITS,
    async (digit) => {
      const filling = fillTable();
      for await (const one of store.list(`${ORIGINALS}${digit}`, optional(signal))) filling.add(one);
      return filling.finish();
    },
    { concurrency: LISTS_AT_ONCE },
  );
}

/** Takes a listing key by key; a shot is judged once all of its names have come. */
function fillTable() {
  const table = new OriginalsTable();
  let shotKey = '';
  let names: ListedObject[] = [];
  const flush = () => {
    for (const { index, state } of variantsOf(names).values()) {
      if (state !== 'nothing' && index <= MAX_INDEX) table.add(shotKey, index, state);
    }
    names = [];
  };
  return {
    /** The shot key of the name, if it is one of ours. */
    add(one: ListedObject): string | undefined {
      const found = shotKeyIn(one.key);
      if (found === undefined) return undefined;
      if (found !== shotKey) flush();
      shotKey = found;
      names.push(one);
      return found;
    },
    finish(): OriginalsTable {
      flush();
      return table;
    },
  };
}

import pMap from 'p-map';
import { ORIGINALS } from '../shared/keys.ts';
import type { ObjectStore } from '../shared/object-store.ts';
import { originalsOf } from '../shared/originals.ts';
import { optional } from '../shared/time.ts';
import { OriginalsTable } from './originals-table.ts';

/** One page of any S3 store. */
const PAGE_KEYS = 1_000;
/** From so many pages on the listing goes by the first digit of the shot keys, several digits at once. */
const MANY_PAGES = 64;
const DIGITS = [...'0123456789abcdef'];
const LISTS_AT_ONCE = 8;

/**
 * Which variants of a shot exist already; what is missing here is quoted as to be paid, and looked for once more, by
 * itself, before it is (`originals.ts` says what would have to lie). A look at one shot costs the store a request, and so does a page of the
 * listing of all: shots are looked at one by one until that has cost as much as the whole listing would, and then it is
 * made. Whatever list and store are like, this takes at most twice the requests of the better way, and a page. The
 * length of the listing is told by its first page: shot keys are hashes, so how far it reaches says how many there are.
 * Memory: 22 bytes an original, and nothing before the listing is made.
 */
export async function createMade(
  store: Pick<ObjectStore, 'list'>,
  signal?: AbortSignal,
): Promise<(shotKey: string, variants: number) => Promise<readonly number[]>> {
  const first = await firstPage(store, signal);
  let looks = 0;
  let all: Promise<OriginalsTable[]> | undefined;

  const indicesOf = async (shotKey: string): Promise<number[]> => {
    if (first.whole) return first.table.indicesOf(shotKey);
    if (all === undefined && looks < first.pages) {
      looks += 1;
      return (await originalsOf(store, shotKey, signal)).map(({ index }) => index);
    }
    all ??= listAll(store, first.pages, signal);
    const tables = await all;
    return (
      (tables.length === 1 ? tables[0] : tables[Number.parseInt(shotKey.slice(0, 1), 16)])?.indicesOf(
        shotKey,
      ) ?? []
    );
  };

  return async (shotKey, variants) =>
    (await indicesOf(shotKey)).filter((index) => index < variants).sort((a, b) => a - b);
}

async function firstPage(
  store: Pick<ObjectStore, 'list'>,
  signal: AbortSignal | undefined,
): Promise<
  { readonly whole: true; readonly table: OriginalsTable } | { readonly whole: false; readonly pages: number }
> {
  const table = new OriginalsTable();
  let keys = 0;
  let reach = '';
  for await (const { key } of store.list(ORIGINALS, optional(signal))) {
    keys += 1;
    // Keys come in their order: this is how much of all hashes the page has passed.
    if (keys > PAGE_KEYS) return { whole: false, pages: pagesBy(reach) };
    const original = parseOriginal(key);
    if (original === undefined) continue;
    reach = original.shotKey;
    table.add(original.shotKey, original.index);
  }
  return { whole: true, table };
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
      const table = new OriginalsTable();
      const options = optional(signal);
      for await (const { key } of store.list(`${ORIGINALS}${digit}`, options)) {
        const original = parseOriginal(key);
        if (original !== undefined) table.add(original.shotKey, original.index);
      }
      return table;
    },
    { concurrency: LISTS_AT_ONCE },
  );
}

function parseOriginal(key: string): { readonly shotKey: string; readonly index: number } | undefined {
  const match = /^([0-9a-f]{32})\/(\d{1,3})\./.exec(key.slice(ORIGINALS.length));
  if (match === null) return undefined;
  const [, shotKey = '', index] = match;
  return { shotKey, index: Number(index) };
}

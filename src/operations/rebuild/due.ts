import pMap from 'p-map';
import { MalformedError } from '../../shared/base/errors.ts';
import { optional } from '../../shared/base/time.ts';
import type { Journal } from '../../shared/journal/journal.ts';
import { type Failure, failure as failureSchema, isSilentOnPictures } from '../../shared/journal/objects.ts';
import { batchFolders } from '../../shared/journal/traces.ts';
import type { DuePictures } from '../../shared/requests/due-pictures.ts';
import { requestKeyOf } from '../../shared/store/keys.ts';
import type { ObjectStore } from '../../shared/store/object-store.ts';
import { readListedJson } from '../../shared/store/objects.ts';
import { ROUND_NAME } from '../../shared/store/own-keys.ts';
import { listVariants } from '../../shared/takes/originals.ts';

export interface RestoreDueDeps {
  readonly store: ObjectStore;
  readonly journal: Pick<Journal, 'planned'>;
  readonly due: Pick<DuePictures, 'add'>;
  readonly say: (line: string) => void;
}

/** So long workers look for a paid picture by themselves. */
const LOOKED_FOR_MS = 30 * 86_400_000;
const AT_ONCE = 32;

/**
 * Makes due again, of all batches, the paid pictures of requests that failed for want of them in the last 30 days: by the
 * failures in the journal, of which each young one is read. Resolves to how many.
 */
export async function restoreDue(deps: RestoreDueDeps, nowMs: number, signal: AbortSignal): Promise<number> {
  const { store } = deps;
  let found = 0;
  for await (const folder of batchFolders(store, signal)) {
    const keys: string[] = [];
    const failed = `${folder}failed/`;
    for await (const { key, lastModifiedMs } of store.list(failed, optional(signal)))
      if (nowMs - lastModifiedMs < LOOKED_FOR_MS && ROUND_NAME(key.slice(failed.length))) keys.push(key);
    const counts = await pMap(keys, async (key) => await restoreOrReport(key, deps, nowMs, signal), {
      concurrency: AT_ONCE,
      signal,
    });
    found += counts.reduce((sum, one) => sum + one, 0);
  }
  return found;
}

/** One that cannot be read is reported, and the others are restored. Its pictures come with `shotlist retry`. */
async function restoreOrReport(
  key: string,
  deps: RestoreDueDeps,
  nowMs: number,
  signal: AbortSignal,
): Promise<number> {
  try {
    const failure = await readListedJson(deps.store, key, failureSchema, signal);
    return await restoreOne(failure, deps, nowMs, signal);
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    deps.say(`${key}: no paid picture is looked for by it. ${error.message}`);
    return 0;
  }
}

/** Whether a request that failed with it may have paid pictures that can still come. */
function isForWantOfPictures({ code }: Failure): boolean {
  return code.startsWith('media_') || isSilentOnPictures(code);
}

async function restoreOne(
  failure: Failure,
  { store, journal, due }: RestoreDueDeps,
  nowMs: number,
  signal: AbortSignal,
): Promise<number> {
  if (!isForWantOfPictures(failure)) return 0;
  const { row, request } = await journal.planned(failure, signal);
  const { shotKey } = row;
  const variants = await listVariants(store, shotKey, signal);
  const paid = request.indices.filter((index) => variants.get(index)?.state === 'paid');
  for (const index of paid)
    await due.add({ shotKey, index, request: requestKeyOf(failure) }, nowMs, failure.at);
  return paid.length;
}

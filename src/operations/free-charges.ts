import type { FreeCharge } from '../producer/estimate/paid-already.ts';
import type { MalformedError } from '../shared/base/errors.ts';
import { Journal } from '../shared/journal/journal.ts';
import { Corrections } from '../shared/ledger/corrections.ts';
import type { ObjectStore } from '../shared/store/object-store.ts';

/** As far back as `reconcile` looks by itself; fal keeps pictures for days, not longer. */
const LOOK_BACK_MS = 7 * 86_400_000;

/**
 * Orphans of fal's bill that show pictures and that no request has taken yet: what `reconcile` may still attach. A
 * listing that S3 promises would have to leave an orphan out for a list to pay for its picture again without a word. One
 * that is damaged goes to `onOdd`.
 */
export async function freeCharges(
  store: ObjectStore | undefined,
  nowMs: number,
  signal: AbortSignal,
  onOdd: (error: MalformedError) => void,
): Promise<FreeCharge[]> {
  if (store === undefined) return [];
  const journal = new Journal({ store });
  const sinceMs = nowMs - LOOK_BACK_MS;
  const found: FreeCharge[] = [];
  for await (const { orphan } of new Corrections({ store }).orphans(signal, sinceMs, onOdd)) {
    const { endpoint, input, costMicroUsd, numImages, ts, requestId } = orphan;
    if (input === undefined || numImages === 0 || Date.parse(ts) < sinceMs) continue;
    if ((await journal.readId(requestId, signal)) !== undefined) continue;
    found.push({ endpoint, shown: input, costMicroUsd });
  }
  return found;
}

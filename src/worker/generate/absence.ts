import type { Journal } from '../../shared/journal.ts';
import type { IdTaken } from '../../shared/journal-objects.ts';
import { FAL_SKEW_MS } from './limits.ts';

export interface AbsenceLimits {
  readonly startTimeoutS: number;
  readonly unknownMarginS: number;
  readonly postWindowMs: number;
}

/** T: when fal can no longer start what was sent with this intent, nor its list be late with it. */
export function provenFrom(
  intentAtMs: number,
  { postWindowMs, startTimeoutS, unknownMarginS }: AbsenceLimits,
): number {
  return intentAtMs + postWindowMs + (startTimeoutS + unknownMarginS) * 1_000;
}

/** An entry of fal's list with our very input, and whose it is by the store. */
export interface OwnedEntry {
  readonly sentAtMs: number;
  readonly owner: IdTaken;
}

/**
 * The time after which a list without a free entry proves that none is left for us. Who *found* an entry that was sent in
 * our time may have ours, and then its own is there for us, in its own time, unless yet another has found that one, and
 * so on. `owned`: by the time they were sent.
 */
export async function provenForAll(
  intentAtMs: number,
  owned: readonly OwnedEntry[],
  deps: AbsenceLimits & { readonly journal: Pick<Journal, 'readIntent'> },
  signal: AbortSignal,
): Promise<number> {
  let reachMs = intentAtMs + deps.postWindowMs + FAL_SKEW_MS;
  let provenMs = provenFrom(intentAtMs, deps);
  for (const { sentAtMs, owner } of owned) {
    if (sentAtMs > reachMs || owner.how === 'answered') continue;
    const theirMs = (await deps.journal.readIntent(owner, owner.round, signal))?.at ?? owner.at;
    reachMs = Math.max(reachMs, theirMs + deps.postWindowMs + FAL_SKEW_MS);
    provenMs = Math.max(provenMs, provenFrom(theirMs, deps));
  }
  return provenMs;
}

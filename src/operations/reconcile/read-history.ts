import { UserError } from '../../shared/base/errors.ts';
import type { BookEvent } from '../../shared/fal/billing.ts';
import { FalError } from '../../shared/fal/errors.ts';
import type { FalHistory, HistoryEntry, Window } from '../../shared/fal/history.ts';
import { LONGEST_RUN_MS } from '../../shared/fal/limits.ts';

export interface ReadHistoryDeps {
  readonly history: FalHistory;
  readonly startTimeoutS: number;
}

/** What fal was asked for, as its list shows it. */
export type HistoryOf = ReadonlyMap<string, HistoryEntry & { readonly input: unknown }>;

/**
 * Of these charges those that fal's list shows, by fal's id. Reads no more of the list than the times around them.
 * Rejects with a `UserError` when it cannot be read.
 */
export async function readHistory(
  charges: readonly BookEvent[],
  { history, startTimeoutS }: ReadHistoryDeps,
  signal: AbortSignal,
): Promise<HistoryOf> {
  const found = new Map<string, HistoryEntry & { readonly input: unknown }>();
  for (const endpoint of new Set(charges.map((one) => one.endpoint))) {
    const own = charges.filter((one) => one.endpoint === endpoint);
    for (const { window, requestIds } of windowsOf(own, startTimeoutS * 1_000 + LONGEST_RUN_MS)) {
      try {
        for (const [id, entry] of await history.findByIds(endpoint, requestIds, window, signal))
          found.set(id, entry);
      } catch (error) {
        signal.throwIfAborted();
        const why = error instanceof FalError ? error.message : 'the answer is not what fal documents';
        throw new UserError(
          'list_away',
          `fal charged for ${own.length} requests that none here explains, and its list, which tells what they are, cannot be read (${why}); run it again later.`,
          { cause: error },
        );
      }
    }
  }
  return found;
}

/** Pure: when they may have been sent, with what overlaps put together. A charge comes up to `longestMs` after that. */
export function windowsOf(
  charges: readonly BookEvent[],
  longestMs: number,
): { readonly window: Window; readonly requestIds: ReadonlySet<string> }[] {
  const windows: { window: Window; requestIds: Set<string> }[] = [];
  for (const { atMs, requestId } of charges.toSorted((a, b) => a.atMs - b.atMs)) {
    const window = { fromMs: atMs - longestMs, toMs: atMs + 60_000 };
    const last = windows.at(-1);
    if (last === undefined || window.fromMs > last.window.toMs) {
      windows.push({ window, requestIds: new Set([requestId]) });
      continue;
    }
    last.window = { ...last.window, toMs: window.toMs };
    last.requestIds.add(requestId);
  }
  return windows;
}

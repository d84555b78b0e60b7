import { fromUsd, type MicroUsd, toUsd } from '../base/money.ts';
import type { Journal } from '../journal/journal.ts';
import type { Head } from '../journal/objects.ts';
import { regenerationIds } from '../journal/regeneration.ts';
import type { BatchStatus } from '../status/status.ts';

/** What came of the requests of a batch that failed a check and were made again. */
export interface Regenerated {
  /** Failed requests of the batch itself; the next three are parts of it. */
  readonly requests: number;
  /** Every picture is delivered by now. */
  readonly delivered: number;
  readonly failed: number;
  /** Still under way, or waiting for a person. */
  readonly open: number;
  /** That make them again, first round first. */
  readonly batches: readonly BatchStatus[];
}

/** The batches that make failed pictures of this one again, as many as were begun; first round first. */
export async function regenerationsOf(
  journal: Pick<Journal, 'readHead'>,
  head: Pick<Head, 'batch' | 'regenerate' | 'round'>,
  signal?: AbortSignal,
): Promise<string[]> {
  const begun: string[] = [];
  for (const id of regenerationIds(head)) {
    if ((await journal.readHead(id, signal)) === undefined) break;
    begun.push(id);
  }
  return begun;
}

/** What was paid to make pictures again. */
export function spentAgain({ batches }: Pick<Regenerated, 'batches'>): MicroUsd {
  return batches.reduce((sum, { money }) => sum + fromUsd(money.spentUsd), 0);
}

/** The public contract: `regenerated` in `run --json`, `status BATCH --json` and the webhook. */
export function regeneratedJson(regenerated: Regenerated) {
  const { requests, delivered, failed, open, batches } = regenerated;
  return {
    requests,
    delivered,
    failed,
    open,
    spentUsd: toUsd(spentAgain(regenerated)),
    batches: batches.map(({ batch, state, money, heldReason }) => ({
      batch,
      state,
      spentUsd: money.spentUsd,
      heldReason,
    })),
  };
}

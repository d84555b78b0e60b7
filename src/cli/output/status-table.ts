import { formatUsd, fromUsd } from '../../shared/base/money.ts';
import { STATES } from '../../shared/requests/states.ts';
import type { BatchStatus } from '../../shared/status/status.ts';
import { left, right, tableOf } from './tables.ts';

/** All batches, one line each. */
export function statusTable(statuses: readonly BatchStatus[]): string {
  return tableOf(
    [left('batch'), left('state'), right('delivered'), right('failed'), right('spent'), left('')],
    statuses.map((status) => [
      status.batch,
      status.state,
      `${status.counts.delivered}/${totalOf(status)}`,
      String(status.counts.failed),
      formatUsd(fromUsd(status.money.spentUsd)),
      status.heldReason ?? '',
    ]),
  );
}

export function totalOf({ counts }: BatchStatus): number {
  return STATES.reduce((sum, one) => sum + counts[one], 0);
}

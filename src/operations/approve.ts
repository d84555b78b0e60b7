import type { Clock } from '../shared/base/time.ts';
import type { Journal } from '../shared/journal/journal.ts';
import type { Batches, BatchView, CaughtUp } from '../shared/requests/batches.ts';
import { refuseCancelled } from './cancel.ts';

export interface ApproveDeps {
  readonly batches: Pick<Batches, 'read' | 'approve' | 'leaveBehind'>;
  readonly journal: Pick<Journal, 'writeEvent'>;
  /**
   * Plans what waited for an approved proof, and gives jobs to what has none, for as long as a person can be let wait;
   * what it leaves, the workers do.
   */
  readonly catchUp: (batch: string) => Promise<CaughtUp>;
  /** A name that no other event of the same millisecond has. */
  readonly eventId: () => string;
  readonly clock: Clock;
}

/** `unknown`: Redis does not hold the batch. `ended`: nothing is left of it. `no-proof`: nothing of it waits for one. */
export type Approval =
  | { readonly outcome: 'unknown' | 'ended' }
  | { readonly outcome: 'no-proof' }
  | {
      readonly outcome: 'done';
      /** Requests that waited for a person's word when this one came. */
      readonly released: number;
      readonly behind: CaughtUp;
      readonly before: BatchView;
    };

/**
 * A person's word that the proof is good: what waits for it may be made. The store learns of it first. Safe to repeat,
 * also where it broke off, and beside running work; a paused batch stays paused, and what a cap holds stays held. Rejects
 * with a `UserError` where the batch is cancelled.
 */
export async function approveBatch(batch: string, deps: ApproveDeps): Promise<Approval> {
  const { batches, journal } = deps;
  const before = await batches.read(batch);
  if (before === undefined) return { outcome: 'unknown' };
  if (before.doneAtMs !== undefined) return { outcome: 'ended' };
  refuseCancelled(before);
  if (before.proof === undefined) return { outcome: 'no-proof' };
  if (before.proof === 'open') {
    await journal.writeEvent(batch, { kind: 'approve', at: deps.clock() }, deps.eventId());
    await batches.approve(batch);
  } else await batches.leaveBehind(batch);
  const behind = await deps.catchUp(batch);
  const held = behind.finished ? ((await batches.read(batch))?.counts.held ?? 0) : 0;
  return { outcome: 'done', released: Math.max(0, before.counts.held - held), behind, before };
}

import type { Journal } from '../shared/journal.ts';
import type { Batches, BatchView } from '../shared/records/batches.ts';
import type { Clock } from '../shared/time.ts';
import { refuseCancelled } from './cancel.ts';

export interface ApproveDeps {
  readonly batches: Pick<Batches, 'read' | 'approve'>;
  readonly journal: Pick<Journal, 'writeEvent'>;
  /** Plans what waited for an approved proof, and gives jobs to what has none; resolves to how many. */
  readonly giveJobs: (batch: string, priority: number) => Promise<number>;
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
  }
  await deps.giveJobs(batch, before.priority);
  const after = await batches.read(batch);
  return { outcome: 'done', released: Math.max(0, before.counts.held - (after?.counts.held ?? 0)), before };
}

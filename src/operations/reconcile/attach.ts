import { type Clock, dayOf } from '../../shared/base/time.ts';
import { FAL_SKEW_MS } from '../../shared/fal/limits.ts';
import type { Journal } from '../../shared/journal/journal.ts';
import type { Queues } from '../../shared/queues/queues.ts';
import { provenFrom } from '../../shared/requests/absence.ts';
import type { Batches } from '../../shared/requests/batches.ts';
import { rivalHash } from '../../shared/requests/input.ts';
import type { Records } from '../../shared/requests/records.ts';
import type { House } from '../../shared/requests/steps.ts';
import type { Candidate } from './candidates.ts';

export interface AttachDeps {
  readonly house: Pick<House, 'step'>;
  readonly records: Pick<Records, 'hasLaterRivals'>;
  readonly batches: Pick<Batches, 'read'>;
  readonly journal: Pick<Journal, 'writeIntent' | 'takeId'>;
  readonly queues: Pick<Queues, 'hurry'>;
  readonly postWindowMs: number;
  readonly startTimeoutS: number;
  readonly unknownMarginS: number | undefined;
  readonly clock: Clock;
}

/** A charge that fal's history shows. */
export interface Charge {
  readonly requestId: string;
  readonly sentAtMs: number;
}

/**
 * Gives fal's id to one of the requests that want just this picture: first to one whose answer was lost, by the rules
 * of `unknowns.ts`, then to one that is not submitted yet. `wait`: one of them may be sending it now. undefined: none.
 */
export type Attach = (
  charge: Charge,
  candidates: readonly Candidate[],
  signal: AbortSignal,
) => Promise<Candidate | 'wait' | undefined>;

export function createAttach(deps: AttachDeps): Attach {
  const { house, records, batches, journal, queues, clock } = deps;

  return async (charge, candidates, signal) => {
    // The latest first: it may take any entry at once, and then the next one is the latest (docs/states.md).
    const lost = candidates
      .filter(({ state }) => state === 'unknown')
      .sort((a, b) => (b.intentAtMs ?? 0) - (a.intentAtMs ?? 0));
    let waits = candidates.some(({ state }) => state === 'submitting');
    for (const one of lost) {
      const answer = await toLost(charge, one);
      if (answer === 'attached') return one;
      if (answer === 'wait') waits = true;
    }
    if (waits) return 'wait';
    for (const one of candidates) {
      if (one.state !== 'planned' && one.state !== 'held') continue;
      if (await toUnsent(charge, one, signal)) return one;
    }
    return undefined;
  };

  async function toLost(
    { requestId, sentAtMs }: Charge,
    { request, round, intentAtMs, name, work }: Candidate,
  ): Promise<'attached' | 'wait' | 'no'> {
    if (intentAtMs === undefined || sentAtMs < intentAtMs - FAL_SKEW_MS) return 'no';
    const isProof = clock() > provenFrom(intentAtMs, deps, work.model);
    if (!isProof && (await records.hasLaterRivals(rivalHash(work), intentAtMs))) return 'wait';
    const accepted = await house.step('accept', { request, round, takeId: requestId });
    if (accepted.code !== 'ok') return 'no';
    await collect(request, round, name.batch);
    return 'attached';
  }

  /**
   * The intent goes first and is dated by fal: whoever dies behind it leaves an unknown request whose search finds this
   * very entry.
   */
  async function toUnsent(
    { requestId, sentAtMs }: Charge,
    { request, name, round, work, indices }: Candidate,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { planned, row } = work;
    const intent = {
      ...name,
      round,
      // Of this charge: a reconcile that died behind its intent is gone on with by the next one.
      nonce: `charge-${requestId}`,
      at: sentAtMs,
      reserved: planned.maxMicroUsd,
      day: dayOf(clock()),
      indices: [...indices],
    };
    // A round that was begun before: its own search decides.
    if ((await journal.writeIntent(intent, signal)) === 'theirs') return false;
    // Woken in between it is in a later round, and pays for itself; the next reconcile looks again.
    const attached = await house.step('attach', {
      request,
      round,
      take: { shotKey: row.shotKey, indices, price: planned.maxMicroUsd },
      takeId: requestId,
      set: { intentAtMs: sentAtMs },
    });
    if (attached.code !== 'ok') return false;
    await journal.takeId({ ...name, round, requestId, at: clock(), how: 'found' }, signal);
    await collect(request, round, name.batch);
    return true;
  }

  async function collect(request: string, round: number, batch: string): Promise<void> {
    const priority = (await batches.read(batch))?.priority ?? 0;
    await queues.hurry('collect', { request, round, priority });
  }
}

import type { BatchView } from '../../src/shared/requests/batches.ts';
import { STATES, type State } from '../../src/shared/requests/states.ts';

/** A batch of ten shots as Redis holds it, with these counts and whatever else is said. */
export function batchView(counts: Partial<Record<State, number>>, more: Partial<BatchView> = {}): BatchView {
  return {
    batch: 'cups',
    digest: '0'.repeat(64),
    priority: 1_000,
    cap: undefined,
    shots: 10,
    images: 10,
    reusedImages: 0,
    requests: 10,
    minMicroUsd: 200_000,
    maxMicroUsd: 200_000,
    naiveMicroUsd: 200_000,
    cheapestMicroUsd: 20_000,
    endpoints: ['fal-ai/gpt-image-1-mini'],
    word: 'running',
    complete: true,
    createdAtMs: 0,
    doneAtMs: undefined,
    summarized: false,
    // The keys are STATES by construction.
    counts: {
      ...(Object.fromEntries(STATES.map((state) => [state, 0])) as Record<State, number>),
      ...counts,
    },
    reserved: 0,
    spent: 0,
    imagesPaid: 0,
    heldBy: undefined,
    undecided: { requests: 0, why: undefined },
    hold: undefined,
    proof: undefined,
    booked: { requests: 0, estimate: 0 },
    lastEndAtMs: undefined,
    idleMs: 0,
    ...more,
  };
}

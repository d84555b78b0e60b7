import type { BatchStatus } from '../../src/shared/status.ts';
import type { Workshop } from './workshop.ts';

/** A picture that is made later, as the next one of the day. Resolves to its batch. */
export async function makeAnother(workshop: Workshop, id = 'later'): Promise<string> {
  const prompt = `a vase, ${'and another one, '.repeat(12)}from above`;
  const batch = await workshop.enqueueRows([{ id, prompt }], { batch: id });
  await workshop.untilEnded(batch);
  return batch;
}

/**
 * Waits for the end of a batch. A lost answer that fal's list does not decide waits for the next picture that is made with
 * the model: it is made then. Resolves to the status, and to the batches that were made for it.
 */
export async function untilEndedOrDecided(
  workshop: Workshop,
  batch: string,
  limitMs?: number,
): Promise<{ readonly status: BatchStatus; readonly others: readonly string[] }> {
  const came = await workshop.untilStatus(
    batch,
    ({ state, heldReason }) => state === 'done' || heldReason?.startsWith('no_control') === true,
    limitMs,
  );
  if (came.state === 'done') return { status: came, others: [] };
  const other = await makeAnother(workshop);
  return { status: await workshop.untilEnded(batch, limitMs), others: [other] };
}

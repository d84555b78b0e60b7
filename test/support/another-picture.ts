import type { BatchStatus } from '../../src/shared/status/status.ts';
import type { Workshop } from './workshop.ts';

/** A picture that is made later, as the next one of the day. Resolves to its batch. */
export async function makeAnother(workshop: Workshop, id = 'later'): Promise<string> {
  const prompt = `a vase, ${'and another one, '.repeat(12)}from above`;
  const batch = await workshop.enqueueRows([{ id, prompt }], { batch: id });
  await workshop.untilEnded(batch);
  return batch;
}

/** A worker looks again 5 and 15 s after another picture was accepted. */
const LOOKED_MS = 17_000;
/** The first may come a moment too early to tell of all. */
const MOST = 3;

/**
 * Waits for the end of a batch. A lost answer that fal's list does not decide waits for the next picture that is made with
 * the model: it is made then. Resolves to the status, and to the batches that were made for it.
 */
export async function untilEndedOrDecided(
  workshop: Workshop,
  batch: string,
  limitMs?: number,
): Promise<{ readonly status: BatchStatus; readonly others: readonly string[] }> {
  const others: string[] = [];
  const isOver = ({ state }: BatchStatus) => state === 'done';
  const waits = ({ state, heldReason }: BatchStatus) =>
    state === 'held' && heldReason?.startsWith('no_control') === true;
  let status = await workshop.untilStatus(batch, (came) => isOver(came) || waits(came), limitMs);
  while (!isOver(status) && others.length < MOST) {
    others.push(await makeAnother(workshop, `later-${others.length}`));
    const untilMs = performance.now() + LOOKED_MS;
    status = await workshop.untilStatus(
      batch,
      (came) => isOver(came) || (waits(came) && performance.now() > untilMs),
      limitMs,
    );
  }
  if (!isOver(status)) throw new Error(`${MOST} pictures later: ${JSON.stringify(status)}`);
  return { status, others };
}

import type { BatchStatus } from '../../src/shared/status/status.ts';
import type { Workshop } from './workshop.ts';

/** Enqueues a picture, as the next one of the day. Resolves to its batch. */
async function enqueueAnother(workshop: Workshop, id: string): Promise<string> {
  const prompt = `a vase, ${'and another one, '.repeat(12)}from above`;
  return await workshop.enqueueRows([{ id, prompt }], { batch: id });
}

/** A picture that is made later, as the next one of the day. Resolves to its batch. */
export async function makeAnother(workshop: Workshop, id = 'later'): Promise<string> {
  const batch = await enqueueAnother(workshop, id);
  await workshop.untilEnded(batch);
  return batch;
}

/** A worker looks again 5 and 15 s after another picture was accepted. */
const LOOKED_MS = 17_000;
/** The first may come a moment too early to tell of all, and its own answer may be lost, too. */
const MOST = 4;

const isOver = ({ state }: BatchStatus) => state === 'done';
const waits = ({ state, heldReason }: BatchStatus) =>
  state === 'held' && heldReason?.startsWith('no_control') === true;

/**
 * Waits for the end of a batch. A lost answer that fal's list does not decide waits for the next picture that is made with
 * the model: it is made then, and its own end waited for, too. Resolves to the status, and to the batches that were made for it.
 */
export async function untilEndedOrDecided(
  workshop: Workshop,
  batch: string,
  limitMs?: number,
): Promise<{ readonly status: BatchStatus; readonly others: readonly string[] }> {
  const others: string[] = [];
  let lookUntilMs = 0;
  for (;;) {
    const came: BatchStatus[] = [];
    for (const one of [batch, ...others])
      came.push(
        await workshop.untilStatus(
          one,
          (status) => isOver(status) || (waits(status) && performance.now() > lookUntilMs),
          limitMs,
        ),
      );
    const [status] = came;
    if (status !== undefined && came.every(isOver)) return { status, others };
    if (others.length >= MOST) throw new Error(`${MOST} pictures later: ${JSON.stringify(came)}`);
    others.push(await enqueueAnother(workshop, `later-${others.length}`));
    lookUntilMs = performance.now() + LOOKED_MS;
  }
}

import pMap from 'p-map';
import { isOdd } from '../base/errors.ts';
import type { Batches, BatchView } from './batches.ts';

/** Hears of a batch that Redis holds and that cannot be read. The error says what to do. */
export type OnOddBatch = (batch: string, error: Error) => void;

export interface EveryBatchOptions {
  readonly onOdd: OnOddBatch;
  /** How many are read ahead; default: 32. A caller that acts on what is missing reads one at a time. */
  readonly atOnce?: number;
}

/**
 * The batches that Redis holds, newest first. One that cannot be read goes to `onOdd`, and the others come all the same.
 * `view` is undefined where the name is left of a batch that Redis has forgotten. Rejects as `Batches.list` does.
 */
export async function* everyBatch(
  batches: Pick<Batches, 'read' | 'list'>,
  { onOdd, atOnce = 32 }: EveryBatchOptions,
): AsyncGenerator<{ readonly batch: string; readonly view: BatchView | undefined }> {
  const names = await batches.list();
  for (let at = 0; at < names.length; at += atOnce) {
    const chunk = await pMap(names.slice(at, at + atOnce), async (batch) => {
      try {
        return [{ batch, view: await batches.read(batch) }];
      } catch (error) {
        if (!isOdd(error)) throw error;
        onOdd(batch, error);
        return [];
      }
    });
    yield* chunk.flat();
  }
}

import { isOdd, MalformedError, UserError } from '../../shared/base/errors.ts';
import { tracesIn } from '../../shared/journal/traces.ts';
import type { Batches } from '../../shared/requests/batches.ts';
import type { ObjectStore } from '../../shared/store/object-store.ts';
import { sentRoundOf } from './doubt.ts';

export interface OddBatchDeps {
  readonly store: Pick<ObjectStore, 'list'>;
  readonly say: (line: string) => void;
}

/**
 * What a rebuild does with a batch that cannot be read: it is reported and left, and the others are restored. Rejects with
 * a `UserError` (`damaged`) if a request of it may be at fal: without it no cap and no claim would count that request. All
 * but a `MalformedError` is rethrown. `folder`: of the batch.
 */
export async function leaveOddBatch(
  folder: string,
  error: unknown,
  { store, say }: OddBatchDeps,
  signal: AbortSignal,
): Promise<void> {
  if (!(error instanceof MalformedError)) throw error;
  const name = folder.split('/').at(-2) ?? folder;
  if (await mayBeAtFal(store, folder, signal)) {
    throw new UserError(
      'damaged',
      `${error.message} Requests of ${name} may be at fal, so all submits stay stopped. Restore that object, then run shotlist rebuild again.`,
      { cause: error },
    );
  }
  say(`${name} is left as it is: ${error.message} Then run shotlist rebuild again.`);
}

/** By names alone: a request that was sent, and neither was delivered nor has failed since. */
async function mayBeAtFal(
  store: OddBatchDeps['store'],
  folder: string,
  signal: AbortSignal,
): Promise<boolean> {
  const traces = await tracesIn(store, folder, signal);
  const sent = new Set([...traces.intents.keys(), ...traces.rounds.keys(), ...traces.ids.keys()]);
  return [...sent].some(
    (member) =>
      !traces.delivered.has(member) &&
      (sentRoundOf(traces, member) ?? -1) > (traces.failed.get(member) ?? -1),
  );
}

/** Whether Redis holds something of the batch that cannot be read. */
export async function isOddInRedis(batch: string, batches: Pick<Batches, 'read'>): Promise<boolean> {
  try {
    await batches.read(batch);
    return false;
  } catch (error) {
    if (!isOdd(error)) throw error;
    return true;
  }
}

import { UserError } from '../../shared/base/errors.ts';
import type { Head } from '../../shared/journal/objects.ts';
import { type BatchLookup, unknownBatch } from '../batch-lookup.ts';
import type { Shop } from '../services.ts';

/** The batch whose pictures a user speaks of. Rejects with a `UserError` where it is not there, or is itself a redo. */
export async function headToRedo(
  {
    store,
    journal,
    batches,
    simulatedElsewhere,
  }: Pick<BatchLookup, 'simulatedElsewhere'> & Pick<Shop, 'store' | 'journal' | 'batches'>,
  batch: string,
  shots: Iterable<string>,
  signal: AbortSignal,
): Promise<Head> {
  const head = await journal.readHead(batch, signal);
  if (head === undefined)
    throw await unknownBatch(
      batch,
      { store, journal, known: await batches.list(), simulatedElsewhere },
      signal,
    );
  const { redoOf } = head;
  if (redoOf === undefined) return head;
  throw new UserError(
    'is_redo',
    `${batch} is itself a take of pictures of ${redoOf}: run shotlist redo ${redoOf} --shot ${[...shots].join(',')}.`,
  );
}

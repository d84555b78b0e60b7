import type { Context } from '../../cli/context.ts';
import { type OperatorArguments, unknownBatch } from '../../cli/open.ts';
import { UserError } from '../../shared/base/errors.ts';
import type { Head } from '../../shared/journal/objects.ts';
import type { Shop } from '../services.ts';

/** The batch whose pictures a person speaks of. Rejects with a `UserError` where it is not there, or is itself a redo. */
export async function headToRedo(
  context: Context,
  batch: string,
  shots: Iterable<string>,
  args: OperatorArguments,
  { store, journal, batches }: Pick<Shop, 'store' | 'journal' | 'batches'>,
): Promise<Head> {
  const head = await journal.readHead(batch, context.signal);
  if (head === undefined) {
    throw await unknownBatch(context, args, batch, { store, journal, known: await batches.list() });
  }
  const { redoOf } = head;
  if (redoOf === undefined) return head;
  throw new UserError(
    'is_redo',
    `${batch} is itself a take of pictures of ${redoOf}: run shotlist redo ${redoOf} --shot ${[...shots].join(',')}.`,
  );
}

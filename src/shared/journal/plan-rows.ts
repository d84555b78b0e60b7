import type { Journal } from './journal.ts';
import type { Head } from './objects.ts';
import type { PlanRow } from './plan-row.ts';

/** The rows of a batch's plan in the order of its list, a chunk in memory at a time. */
export async function* planRows(
  { batch, chunks }: Pick<Head, 'batch' | 'chunks'>,
  journal: Pick<Journal, 'readChunk'>,
  signal: AbortSignal,
  wanted: (row: PlanRow) => boolean = () => true,
): AsyncGenerator<PlanRow> {
  for (let chunk = 0; chunk < chunks; chunk += 1)
    for (const row of await journal.readChunk(batch, chunk, signal)) if (wanted(row)) yield row;
}

import type { Journal } from '../../shared/journal/journal.ts';
import type { Head } from '../../shared/journal/objects.ts';
import { rootOf } from '../../shared/journal/regeneration.ts';
import type { Ending } from '../../shared/queues/completion-queue.ts';
import type { Batches } from '../../shared/requests/batches.ts';
import { regenerationsOf } from '../../shared/takes/regenerated.ts';

export interface WholeEndDeps {
  readonly journal: Pick<Journal, 'readHead' | 'readSummary'>;
  readonly batches: Pick<Batches, 'read'>;
}

/**
 * What is told once a batch has ended: its own end, or, with `--regenerate`, that of the batch that a person queued
 * together with all that make its pictures again. undefined: there is nobody to tell, or one of them is not at its end,
 * and its ending tells. Where several find that all have ended, they name the same end, so it is told with one id.
 */
export async function endOfWhole(
  head: Head,
  { endedAtMs }: Pick<Ending, 'endedAtMs'>,
  { journal, batches }: WholeEndDeps,
  signal: AbortSignal,
): Promise<Pick<Ending, 'batch' | 'endedAtMs'> | undefined> {
  const root = head.round === undefined ? head : await journal.readHead(rootOf(head), signal);
  if (root?.onDone === undefined) return undefined;
  const { batch } = root;
  let latest = endedAtMs;
  for (const id of [batch, ...(await regenerationsOf(journal, root, signal))]) {
    // Its own end is why this is asked; one that is tried again by now tells its next end, too.
    if (id === head.batch) continue;
    const view = await batches.read(id);
    // Redis forgets a batch some days after its end. One that it lost before is taken up by a rebuild.
    if (view === undefined && (await journal.readSummary(id, signal)) === undefined) return undefined;
    if (view !== undefined && view.doneAtMs === undefined) return undefined;
    latest = Math.max(latest, view?.doneAtMs ?? 0);
  }
  return { batch, endedAtMs: latest };
}

import type { Regenerated } from '../shared/takes/regenerated.ts';
import type { Shop } from './services.ts';

/** undefined where nothing was made again, or nobody asked for that. */
export async function regeneratedOf(
  shop: Shop,
  batch: string,
  signal: AbortSignal,
): Promise<Regenerated | undefined> {
  // A user who interrupts is still told how things stand.
  const head = await shop.journal.readHead(batch);
  if (head?.regenerate === undefined || signal.aborted) return undefined;
  const { readRegenerated } = await import('../shared/takes/read-regenerated.ts');
  return await readRegenerated(head, shop, signal);
}

import type { RenderDeps } from './processor.ts';

/** Opens the child's own Redis and store. */
export async function openRenderDeps(): Promise<RenderDeps & AsyncDisposable> {
  throw new Error('The render child is not wired to the records yet.');
}

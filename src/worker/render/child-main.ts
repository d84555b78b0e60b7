import { createRenderChild } from './child.ts';

// biome-ignore lint/style/noDefaultExport: BullMQ's child imports the file it is given and calls its default export
export default createRenderChild(async () => {
  const { openRenderDeps } = await import('./child-wiring.ts');
  return await openRenderDeps();
});

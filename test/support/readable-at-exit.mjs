import { readableFormats } from './readable-formats.mjs';

// Preloaded into the built program: what its process can read once it has done its work.
process.once('beforeExit', async () => {
  console.error(`readable: ${JSON.stringify(await readableFormats())}`);
});

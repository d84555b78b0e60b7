import sharp from 'sharp';
import { closeLoaders, readingOwn } from '../../src/worker/render/loaders.ts';
import { pngSheet } from '../../src/worker/render/png-sheet.ts';
import { assertLabelled, xmpOf } from '../../src/worker/render/provenance.ts';
import { readableFormats } from './readable-formats.mjs';

/** A process with closed loaders, which reads what it wrote itself. In its own process, since closing is for good. */
const provenance = { model: 'a-model', madeAtMs: 0 };
const xmp = xmpOf(provenance);
const avif = await sharp({ create: { width: 9, height: 9, channels: 3, background: '#ff0000' } })
  .withXmp(xmp)
  .avif()
  .toBuffer();

const before = await readableFormats();
closeLoaders();
const closed = await readableFormats();
// Several at once: the first to end must not close the loader to the others.
await Promise.all(Array.from({ length: 8 }, () => assertLabelled(avif, xmp, 'new')));
const sheet = await pngSheet({
  title: 'spring',
  lines: ['a line'],
  tiles: [{ caption: 'MUG', note: 'none', picture: undefined }],
  provenance,
});
const failed = await readingOwn('VipsForeignLoadSvg', async () => {
  throw new Error('failed');
}).catch((error: Error) => error.message);
const after = await readableFormats();
console.log(JSON.stringify({ before, closed, failed, sheet: sheet.length > 0, after }));

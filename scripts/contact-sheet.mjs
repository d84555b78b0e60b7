// Makes docs/demo.jpg, the picture in the README: one picture of each shot of a simulated demo, in the list's order.
//   npm run demo && node scripts/contact-sheet.mjs [BATCH]
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const store = join(process.cwd(), '.shotlist/sim/store');
const columns = 6;
const side = 208;
const gap = 8;
const captionHeight = 34;

const lines = manifestOf(process.argv[2] ?? newestBatch());
const rows = Math.ceil(lines.length / columns);
const width = columns * (side + gap) + gap;
const height = rows * (side + gap) + gap + captionHeight;
const cells = await Promise.all(
  lines.map(async (line, at) => ({
    input: await cellOf(line),
    left: gap + (at % columns) * (side + gap),
    top: gap + Math.floor(at / columns) * (side + gap),
  })),
);
const made = lines.reduce((sum, { images }) => sum + images.length, 0);
const usd = lines.reduce((sum, { costUsd }) => sum + costUsd, 0).toFixed(2);
const caption = `Simulated: ${lines.length} shots, ${made} pictures, $${usd} that nobody paid. One picture of each shot.`;
await sharp({ create: { width, height, channels: 3, background: '#ffffff' } })
  .composite([
    ...cells,
    { input: words(caption, width, captionHeight), left: 0, top: height - captionHeight - gap / 2 },
  ])
  .jpeg({ quality: 80, mozjpeg: true })
  .toFile(join(root, 'docs/demo.jpg'));

function newestBatch() {
  const batches = readdirSync(store).filter((name) => name.startsWith('catalog-'));
  const batch = batches.at(-1);
  if (batch === undefined) throw new Error(`There is no demo in ${store}: run npm run demo first.`);
  return batch;
}

function manifestOf(batch) {
  const args = [join(root, 'dist/cli/main.js'), 'export', batch, '--simulate', '--json'];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 64_000_000 }));
}

/** Transparent pictures lie on a checkerboard, as picture editors show them. */
async function cellOf({ shot, images, error }) {
  const [image] = images;
  if (image === undefined) return words(`${shot}\n${error?.split(':')[0] ?? 'no picture'}`, side, side);
  const { renditions, original } = image;
  const key = (renditions.find(({ name }) => name === '400') ?? original).key;
  const resized = await sharp(fileOf(key)).resize(side, side, { fit: 'contain', background: '#f2f2f2' });
  return await sharp(checkerboard())
    .composite([{ input: await resized.png().toBuffer() }])
    .png()
    .toBuffer();
}

/** The folder store writes names for disks that ignore case: `MUG-001~…` lies in the folder `MUG-001~…=7`. */
function fileOf(key) {
  return key.split('/').reduce((folder, segment) => {
    const found = readdirSync(folder).find((name) => name === segment || name.startsWith(`${segment}=`));
    if (found === undefined) throw new Error(`${key} is not in ${store}.`);
    return join(folder, found);
  }, store);
}

function checkerboard() {
  return Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" width="${side}" height="${side}"><defs><pattern id="p" width="16" height="16" patternUnits="userSpaceOnUse"><rect width="16" height="16" fill="#fff"/><path d="M0 0h8v8H0zM8 8h8v8H8z" fill="#e4e4e4"/></pattern></defs><rect width="100%" height="100%" fill="url(#p)"/></svg>`,
  );
}

function words(text, boxWidth, boxHeight) {
  const parts = text.split('\n');
  const first = boxHeight / 2 - (parts.length - 1) * 10 + 5;
  const spans = parts.map(
    (part, at) =>
      `<text x="${boxWidth / 2}" y="${first + at * 20}" text-anchor="middle" font-family="sans-serif" font-size="14" fill="#333">${part}</text>`,
  );
  return Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" width="${boxWidth}" height="${boxHeight}"><rect width="100%" height="100%" fill="#fafafa"/>${spans.join('')}</svg>`,
  );
}

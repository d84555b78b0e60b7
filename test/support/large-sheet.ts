import { writeFile } from 'node:fs/promises';
import sharp from 'sharp';
import { sheetPage } from '../../src/operations/sheet/page.ts';
import type { SheetHead, SheetShot } from '../../src/operations/sheet/sheet.ts';

/** So many different small pictures, over and over: as large as those of photographs. */
const DISTINCT = 8;

/** Writes the contact sheet of a made-up batch: every tenth shot failed, every seventh is odd. */
export async function writeLargeSheet(file: string, shots: number): Promise<void> {
  const pictures = await Promise.all(Array.from({ length: DISTINCT }, (_, index) => smallPicture(index)));
  const pieces: string[] = [];
  for await (const piece of sheetPage(HEAD(shots), cards(shots, pictures))) pieces.push(piece);
  await writeFile(file, pieces.join('\n'));
}

const HEAD = (shots: number): SheetHead => ({
  batch: 'large',
  listName: 'large.csv',
  createdAt: '2026-11-24T15:50:00.000Z',
  madeAt: '2026-11-24T15:55:00.000Z',
  simulated: false,
  state: 'done',
  heldReason: undefined,
  shots,
  images: shots,
  spentMicroUsd: 0,
  reservedMicroUsd: 0,
  estimateMicroUsd: 0,
  projectedMicroUsd: undefined,
  capMicroUsd: undefined,
  waitingForProof: 0,
});

async function* cards(shots: number, pictures: readonly string[]): AsyncGenerator<SheetShot> {
  for (let at = 0; at < shots; at += 1) {
    const failed = at % 10 === 9;
    yield {
      number: at + 1,
      shot: `SKU-${at}`,
      prompt:
        at === 4
          ? 'A mug</p><img src=x onerror="window.broken=1"><script>window.broken=1</script>'
          : `A mug, number ${at}, on oak`,
      model: 'acme/model',
      options: { quality: 'medium' },
      recipe: 'catalog',
      status: failed ? 'failed' : 'delivered',
      reason: failed ? 'failed_run: four runs failed' : undefined,
      variants: 1,
      costMicroUsd: 20_000,
      pictures: failed
        ? []
        : [
            {
              index: 0,
              requestId: `r-${at}`,
              take: 0,
              src: pictures[at % DISTINCT],
              missing: undefined,
              width: 420,
              height: 420,
              originalSize: '1024×1024 png',
              oddities: at % 7 === 0 ? [{ check: 'fill', says: 'the subject takes 24 % of it' }] : [],
            },
          ],
    };
  }
}

async function smallPicture(index: number): Promise<string> {
  const noise = { type: 'gaussian' as const, mean: 100 + index * 10, sigma: 12 };
  const bytes = await sharp({
    create: { width: 420, height: 420, channels: 3, background: '#808080', noise },
  })
    .jpeg({ quality: 78 })
    .toBuffer();
  return `data:image/jpeg;base64,${bytes.toString('base64')}`;
}

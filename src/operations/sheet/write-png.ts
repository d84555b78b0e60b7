import { writeFile } from 'node:fs/promises';
import { formatUsd, fromUsd } from '../../shared/base/money.ts';
import { systemClock } from '../../shared/base/time.ts';
import type { Head } from '../../shared/journal/objects.ts';
import type { BatchStatus } from '../../shared/status/status.ts';
import { pngSheet, type SheetTile } from '../../worker/render/png-sheet.ts';
import { writeWhole } from '../export/lines-out.ts';
import type { SheetShot } from './sheet.ts';

/** More make no picture that a mail can show. */
const MOST_TILES = 60;

/** Writes one PNG with the first picture of each shot, the first shots of the list. Rejects as `writeSheet` does. */
export async function writePngSheet(
  file: string,
  head: Head,
  { money, counts }: BatchStatus,
  shots: AsyncIterable<SheetShot>,
): Promise<{ readonly shots: number }> {
  const tiles: SheetTile[] = [];
  let model = '';
  for await (const shot of shots) {
    model ||= shot.model;
    tiles.push(tileOf(shot));
    if (tiles.length === MOST_TILES) break;
  }
  const more = head.shots > tiles.length ? `; the first ${tiles.length} are shown` : '';
  const simulated = head.simulated ? ' (simulated: nothing was paid)' : '';
  const bytes = await pngSheet({
    title: head.batch,
    lines: [
      `${head.shots.toLocaleString('en')} shots of ${head.listName}${more}`,
      `${formatUsd(fromUsd(money.spentUsd))} paid${simulated}, ${counts.failed} of the requests failed`,
    ],
    tiles,
    provenance: { model, madeAtMs: systemClock() },
  });
  await writeWhole(file, (part) => writeFile(part, bytes));
  return { shots: tiles.length };
}

function tileOf({ shot, status, reason, pictures }: SheetShot): SheetTile {
  const [first] = pictures;
  const base64 = first?.src?.slice(first.src.indexOf(',') + 1);
  return {
    caption: pictures.length > 1 ? `${shot} (+${pictures.length - 1})` : shot,
    note: reason?.split(':')[0] ?? first?.missing ?? status,
    picture: base64 === undefined ? undefined : Buffer.from(base64, 'base64'),
  };
}

import { fromUsd } from '../../shared/base/money.ts';
import { systemClock } from '../../shared/base/time.ts';
import type { Head } from '../../shared/journal/objects.ts';
import type { PlanRow } from '../../shared/journal/plan-row.ts';
import { manifestDepsOf } from '../../shared/manifest/batch-manifest.ts';
import type { BatchView } from '../../shared/requests/batches.ts';
import { waitsForProof } from '../../shared/requests/proof.ts';
import { forecastOf, waitingForProof } from '../../shared/status/forecast.ts';
import type { BatchStatus } from '../../shared/status/status.ts';
import { thumbnailOf } from '../../worker/render/thumbnail.ts';
import { writeLines } from '../export/lines-out.ts';
import type { Shop } from '../services.ts';
import { sheetPage } from './page.ts';
import type { SheetHead, SheetShot } from './sheet.ts';
import { sheetShots } from './shots.ts';

export interface WriteSheetOptions {
  readonly head: Head;
  readonly status: BatchStatus;
  /** Absolute; a file that is there is replaced once the new one is whole. */
  readonly file: string;
  /** Called after each shot, with how many there are so far. */
  readonly onProgress?: (shots: number) => void;
  readonly signal: AbortSignal;
}

export interface WrittenSheet {
  readonly shots: number;
  readonly images: number;
}

/** Small pictures of this side up to so many images; the more there are, the smaller, so that a browser still opens it. */
const SIDES = [
  { images: 1_500, side: 420 },
  { images: 5_000, side: 300 },
  { images: Number.POSITIVE_INFINITY, side: 200 },
] as const;

/**
 * Writes the contact sheet of a batch as it stands: of one whose proof is open, what is not of the proof is left out.
 * Rejects with a `UserError` where the file cannot be written.
 */
export async function writeSheet(
  shop: Shop,
  { head, status, file, signal, onProgress }: WriteSheetOptions,
): Promise<WrittenSheet> {
  const view = await shop.batches.read(head.batch);
  const shots = await shotsOf(shop, head, view, signal);
  const written = { shots: 0, images: 0 };
  await writeLines(
    file,
    sheetPage(headOf(head, status, view, systemClock()), counted(shots, written, onProgress)),
  );
  return written;
}

/** The cards of the batch as it stands. */
export async function shotsOf(
  { store, journal, records }: Shop,
  head: Head,
  view: BatchView | undefined,
  signal: AbortSignal,
): Promise<AsyncIterable<SheetShot>> {
  const clock = systemClock;
  const waits = waitsForProof(head, view?.proof);
  const shown = (row: PlanRow) => !waits(row.row) || row.requests.some(({ kind }) => kind === 'reuse');
  const { side } = SIDES.find(({ images }) => imagesOf(head, view) <= images) ?? SIDES[2];
  return sheetShots(head, {
    store,
    manifest: await manifestDepsOf(head, {
      store,
      journal,
      live: async () => ({ view, records }),
      clock,
      signal,
    }),
    thumbnailOf,
    side,
    wanted: shown,
  });
}

async function* counted(
  shots: AsyncIterable<SheetShot>,
  written: { shots: number; images: number },
  onProgress: WriteSheetOptions['onProgress'],
): AsyncGenerator<SheetShot> {
  for await (const shot of shots) {
    written.shots += 1;
    written.images += shot.pictures.length;
    onProgress?.(written.shots);
    yield shot;
  }
}

/** About how many pictures there will be. */
function imagesOf(head: Head, view: BatchView | undefined): number {
  if (head.proof === undefined || view?.proof !== 'open') return head.images;
  return Math.ceil((head.images * head.proof.rows.length) / head.shots) + head.reusedImages;
}

function headOf(head: Head, status: BatchStatus, view: BatchView | undefined, nowMs: number): SheetHead {
  const { money, state, heldReason } = status;
  const forecast = view === undefined ? undefined : forecastOf(view, nowMs);
  return {
    batch: head.batch,
    listName: head.listName,
    createdAt: head.createdAt,
    madeAt: new Date(nowMs).toISOString(),
    simulated: head.simulated,
    state,
    heldReason: heldReason ?? undefined,
    shots: head.shots,
    images: head.images,
    spentMicroUsd: fromUsd(money.spentUsd),
    reservedMicroUsd: fromUsd(money.reservedUsd),
    estimateMicroUsd: fromUsd(money.estimateUsd),
    projectedMicroUsd:
      forecast?.measured === undefined || status.state === 'done' ? undefined : forecast.projectedMicroUsd,
    capMicroUsd: money.capUsd === null ? undefined : fromUsd(money.capUsd),
    waitingForProof: view === undefined ? 0 : waitingForProof(view),
  };
}

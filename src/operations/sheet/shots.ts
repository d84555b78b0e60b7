import { pMapIterable } from 'p-map';
import { messageOf } from '../../shared/base/errors.ts';
import type { Head } from '../../shared/journal/objects.ts';
import type { PlanRow } from '../../shared/journal/plan-row.ts';
import { errorOf, statusOfShot } from '../../shared/manifest/manifest.ts';
import type { ManifestDeps } from '../../shared/manifest/manifest-lines.ts';
import { type ShotEnds, shotEnds } from '../../shared/manifest/shot-ends.ts';
import { PictureError } from '../../shared/pictures/formats.ts';
import type { ObjectStore } from '../../shared/store/object-store.ts';
import type { ShownImage } from '../../shared/takes/manifest-takes.ts';
import type { Thumbnail } from '../../worker/render/thumbnail.ts';
import type { SheetPicture, SheetShot } from './sheet.ts';

export interface SheetShotsDeps {
  readonly store: Pick<ObjectStore, 'get'>;
  readonly manifest: ManifestDeps;
  readonly thumbnailOf: (picture: Buffer, side: number) => Promise<Thumbnail>;
  /** The longest side of a small picture, in pixels. */
  readonly side: number;
  /** Shots to show. Default: all. */
  readonly wanted?: (row: PlanRow) => boolean;
}

/** Shots whose pictures are made small at once; libvips works on as many as there are cores. */
const SHOTS_AT_ONCE = 4;

/** The cards of a batch, in the order of its list. Memory holds the pictures of a few shots. */
export async function* sheetShots(head: Head, deps: SheetShotsDeps): AsyncGenerator<SheetShot> {
  const { manifest, wanted } = deps;
  yield* pMapIterable(shotEnds(head, manifest, wanted), (found) => cardOf(found, deps), {
    concurrency: SHOTS_AT_ONCE,
  });
}

async function cardOf({ row, ends }: ShotEnds, deps: SheetShotsDeps): Promise<SheetShot> {
  const images = ends
    .flatMap((end): readonly ShownImage[] => (end.status === 'delivered' ? end.images : []))
    .sort((a, b) => a.index - b.index);
  const pictures: SheetPicture[] = [];
  // One after the other: a shot may have a hundred.
  for (const image of images) pictures.push(await pictureOf(image, deps));
  const options = Object.entries(row.input).map(([name, value]) => [name, String(value)] as const);
  return {
    number: row.row + 1,
    shot: row.shot,
    prompt: row.prompt,
    model: row.model,
    options: Object.fromEntries(options),
    recipe: row.recipe,
    status: statusOfShot(ends),
    reason: errorOf(ends) ?? undefined,
    variants: row.variants,
    costMicroUsd: deps.manifest.costOfRow(row.row),
    pictures,
  };
}

async function pictureOf(
  image: ShownImage,
  { store, thumbnailOf, side, manifest: { signal } }: SheetShotsDeps,
): Promise<SheetPicture> {
  const { index, requestId, original, take = 0, findings = [] } = image;
  const common = {
    index,
    requestId,
    take,
    oddities: findings,
    originalSize: `${original.width}×${original.height} ${original.format}`,
  };
  const without = (missing: string) => ({ ...common, src: undefined, missing, width: 0, height: 0 });
  const object = await store.get(smallestFor(image, side), signal);
  if (object === undefined) return without('This picture is no longer in the store.');
  try {
    const { contentType, bytes, width, height } = await thumbnailOf(object.body, side);
    const src = `data:${contentType};base64,${bytes.toString('base64')}`;
    return { ...common, src, missing: undefined, width, height };
  } catch (error) {
    // One damaged file must not cost the sheet of all the others.
    if (!(error instanceof PictureError)) throw error;
    return without(messageOf(error));
  }
}

/** How far the shape of a rendition may be from the original's, since sizes are rounded to pixels. */
const SAME_SHAPE = 0.02;

/** The key of the smallest file that shows the whole picture at that size: a rendition, or else the original. */
export function smallestFor({ original, renditions }: ShownImage, side: number): string {
  const shape = original.width / original.height;
  const fits = renditions.filter(
    ({ width, height }) =>
      Math.max(width, height) >= side && Math.abs(width / height / shape - 1) <= SAME_SHAPE,
  );
  const [smallest = original] = fits.toSorted((a, b) => a.width - b.width || a.bytes - b.bytes);
  return smallest.key;
}

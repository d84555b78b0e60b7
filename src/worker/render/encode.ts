import type { OutputInfo, Sharp } from 'sharp';
import { PictureError } from '../../shared/pictures/formats.ts';
import type { Rendition } from '../../shared/pictures/recipes.ts';

export interface Encoded {
  readonly data: Buffer;
  readonly info: OutputInfo;
}

/**
 * The file of a rendition. With `maxBytes` it has the highest quality that meets the limit, from `quality` down to
 * `minQuality`. Throws a `PictureError` (`over_byte_limit`) where none does.
 */
export async function withinBytes(image: Sharp, rendition: Rendition): Promise<Encoded> {
  if (rendition.format === 'png' || rendition.maxBytes === undefined) {
    return await encoded(image, rendition, rendition.format === 'png' ? 100 : rendition.quality);
  }
  const { maxBytes, minQuality, quality } = rendition;
  const first = await encoded(image.clone(), rendition, quality);
  if (first.data.length <= maxBytes) return first;
  let best: Encoded | undefined;
  let smallest = first;
  let from = minQuality;
  let to = quality - 1;
  while (from <= to) {
    const middle = Math.ceil((from + to) / 2);
    const tried = await encoded(image.clone(), rendition, middle);
    smallest = tried.data.length < smallest.data.length ? tried : smallest;
    if (tried.data.length <= maxBytes) {
      best = tried;
      from = middle + 1;
    } else to = middle - 1;
  }
  if (best !== undefined) return best;
  throw new PictureError(
    'over_byte_limit',
    `The rendition ${rendition.name} has ${smallest.data.length.toLocaleString('en')} bytes at quality ${minQuality}; the recipe allows ${maxBytes.toLocaleString('en')}.`,
  );
}

async function encoded(image: Sharp, rendition: Rendition, quality: number): Promise<Encoded> {
  return await inFormat(image, rendition, quality).toBuffer({ resolveWithObject: true });
}

function inFormat(image: Sharp, rendition: Rendition, quality: number): Sharp {
  switch (rendition.format) {
    case 'webp':
      return image.webp({ quality, effort: rendition.effort });
    case 'jpeg':
      return image.jpeg({ quality });
    case 'png':
      return image.png({ compressionLevel: 9 });
    case 'avif':
      return image.avif({ quality, effort: rendition.effort });
  }
}

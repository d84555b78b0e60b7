import { InvalidArgumentError } from 'commander';
import type { ManifestLine } from '../../shared/manifest/manifest.ts';
import type { ObjectStore } from '../../shared/store/object-store.ts';

const UNITS_S = { m: 60, h: 3_600, d: 86_400 } as const;
/** What S3 itself allows at most. */
const MAX_S = 7 * 86_400;

/** Reads `7d`, `12h` or `30m` as seconds; throws commander's error for anything else. */
export function presignTtl(text: string): number {
  const match = /^(\d{1,6})([mhd])$/.exec(text);
  const ttlS = match === null ? 0 : Number(match[1]) * UNITS_S[match[2] as keyof typeof UNITS_S];
  if (ttlS >= 60 && ttlS <= MAX_S) return ttlS;
  throw new InvalidArgumentError('It must be from 1m (a minute) to 7d, such as 12h.');
}

/** The lines with addresses that hand out each picture to whoever has them, for so long: secrets. */
export async function* presignedLines(
  lines: AsyncIterable<ManifestLine>,
  store: Pick<ObjectStore, 'presign'>,
  ttlS: number,
): AsyncGenerator<ManifestLine> {
  const presigned = async <T extends { readonly key: string }>(stored: T) => ({
    ...stored,
    url: await store.presign(stored.key, ttlS),
  });
  for await (const line of lines) {
    const images = await Promise.all(
      line.images.map(async (image) => ({
        ...image,
        original: await presigned(image.original),
        renditions: await Promise.all(image.renditions.map(presigned)),
      })),
    );
    yield { ...line, images };
  }
}

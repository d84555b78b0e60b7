import type { ManifestLine } from '../../shared/manifest/manifest.ts';
import type { ObjectStore } from '../../shared/store/object-store.ts';

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

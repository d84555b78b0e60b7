import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pMap from 'p-map';
import sharp, { type Sharp } from 'sharp';

export interface BareRun {
  readonly ms: number;
  /** SHA-256 in hex of each file, by `<number of the picture>-<rendition>`. */
  readonly sha256: ReadonlyMap<string, string>;
}

export interface BareLoop {
  readonly files: readonly string[];
  /** The XMP of each picture's files. */
  readonly labels: readonly string[];
  readonly folder: string;
  readonly cores: number;
}

/**
 * The renditions of `recipes/catalog.json` as a plain loop in one process makes them: decode once, four outputs, files on
 * disk; as many pictures at once as there are cores. No queue, no record, no limits, no store.
 */
export async function bareSharp({ files, labels, folder, cores }: BareLoop): Promise<BareRun> {
  sharp.concurrency(1);
  sharp.cache(false);
  const sha256 = new Map<string, string>();
  const startedAt = performance.now();
  await pMap(
    files,
    async (file, number) => {
      const { data, info } = await sharp(await readFile(file))
        .raw()
        .toBuffer({ resolveWithObject: true });
      const { width, height, channels } = info;
      const pixels = () => sharp(data, { raw: { width, height, channels } });
      const webp = (image: Sharp) => image.webp({ quality: 80, effort: 2 });
      const outputs: readonly (readonly [string, Sharp])[] = [
        ['full', webp(pixels())],
        ['800', webp(pixels().resize(800))],
        ['400', webp(pixels().resize(400))],
        ['thumb', pixels().resize(256, 256, { fit: 'contain', background: '#ffffff' }).jpeg({ quality: 82 })],
      ];
      for (const [name, image] of outputs) {
        const bytes = await image.withXmp(labels[number] ?? '').toBuffer();
        sha256.set(`${number}-${name}`, createHash('sha256').update(bytes).digest('hex'));
        await writeFile(join(folder, `${number}-${name}`), bytes);
      }
    },
    { concurrency: cores },
  );
  return { ms: performance.now() - startedAt, sha256 };
}

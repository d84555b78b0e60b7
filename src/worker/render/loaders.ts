import sharp from 'sharp';

/** The formats that we take (`sniff`); libvips has loaders for some thirty more. */
const TAKEN = ['VipsForeignLoadJpeg', 'VipsForeignLoadPng', 'VipsForeignLoadWebp'];

/** What only we write and read: SVG is the lettering of a sheet, HEIF (AVIF) a rendition whose label is read back. */
type OwnFormat = 'VipsForeignLoadSvg' | 'VipsForeignLoadHeif';

/** libvips keeps the blocks for the whole process, and so does this. */
let isClosed = false;
const readers = new Map<OwnFormat, number>();

/**
 * Closes every loader of libvips in this process but those of the formats that are taken, so that no bytes from outside
 * reach another one, whatever a check ahead of it lets through. For good: entry points of processes that decode call it.
 */
export function closeLoaders(): void {
  isClosed = true;
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({ operation: TAKEN });
}

/** Opens the loader of a format while `work` reads bytes that this process wrote. */
export async function readingOwn<T>(format: OwnFormat, work: () => Promise<T>): Promise<T> {
  if (!isClosed) return await work();
  readers.set(format, (readers.get(format) ?? 0) + 1);
  sharp.unblock({ operation: [format] });
  try {
    return await work();
  } finally {
    const left = (readers.get(format) ?? 1) - 1;
    readers.set(format, left);
    if (left === 0) sharp.block({ operation: [format] });
  }
}

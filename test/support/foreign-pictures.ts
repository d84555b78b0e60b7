import sharp from 'sharp';

/** A small picture in a format that is never taken, though sharp can read it. */
export async function foreignPicture(kind: 'svg' | 'tiff' | 'gif' | 'avif'): Promise<Buffer> {
  if (kind === 'svg') {
    return Buffer.from(
      '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>',
    );
  }
  return sharp({ create: { width: 9, height: 9, channels: 3, background: '#ff0000' } })
    .toFormat(kind)
    .toBuffer();
}

import sharp from 'sharp';

/** Pictures for tests, made in code, so that each test can say what must be in them. */

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** An even red disc in the middle of nothing: transparent outside, opaque inside. */
export async function transparentPng({ width, height }: Size): Promise<Buffer> {
  return await sharp(Buffer.from(disc({ width, height })))
    .png()
    .toBuffer();
}

/** The same disc on blue. */
export async function opaquePicture(
  { width, height }: Size,
  format: 'png' | 'jpeg' | 'webp',
): Promise<Buffer> {
  return await sharp(Buffer.from(disc({ width, height })))
    .flatten({ background: '#2040c0' })
    .toFormat(format)
    .toBuffer();
}

/** Noise: what no codec can shrink, so that a cut through the file is a cut through the pixels. */
export async function noise({ width, height }: Size, format: 'png' | 'jpeg' | 'webp'): Promise<Buffer> {
  return await sharp({
    create: {
      width,
      height,
      channels: 3,
      background: '#808080',
      noise: { type: 'gaussian', mean: 128, sigma: 40 },
    },
  })
    .toFormat(format)
    .toBuffer();
}

export async function cmykJpeg(size: Size): Promise<Buffer> {
  return await filled(size, ORANGE).toColourspace('cmyk').jpeg({ quality: 95 }).toBuffer();
}

export async function png16(size: Size): Promise<Buffer> {
  return await filled(size, ORANGE).toColourspace('rgb16').png().toBuffer();
}

export async function greyPng(size: Size): Promise<Buffer> {
  return await filled(size, { r: 128, g: 128, b: 128 }).toColourspace('b-w').png().toBuffer();
}

/** A palette with a transparent half-tone in it. */
export async function palettePng({ width, height }: Size): Promise<Buffer> {
  return await sharp({ create: { width, height, channels: 4, background: { ...ORANGE, alpha: 0.5 } } })
    .png({ palette: true })
    .toBuffer();
}

/** Display P3, embedded: the same numbers are another colour than in sRGB. */
export async function p3Png(size: Size): Promise<Buffer> {
  return await filled(size, ORANGE).withIccProfile('p3').png().toBuffer();
}

/** Stored upright, to be shown lying: EXIF orientation 6. */
export async function turnedJpeg({ width, height }: Size): Promise<Buffer> {
  return await filled({ width, height }, ORANGE).withMetadata({ orientation: 6 }).jpeg().toBuffer();
}

/** First frame red, second blue. */
export async function animatedWebp({ width, height }: Size): Promise<Buffer> {
  const frames = await Promise.all(
    ['#ff0000', '#0000ff'].map((background) =>
      sharp({ create: { width, height, channels: 3, background } })
        .png()
        .toBuffer(),
    ),
  );
  return await sharp(frames, { join: { animated: true } })
    .webp({ loop: 0, delay: [100, 100] })
    .toBuffer();
}

/** A flat PNG far beyond the limit: few bytes in the file, gigabytes in memory. */
export async function hugeFlatPng(size: Size): Promise<Buffer> {
  return await sharp({
    create: { ...size, channels: 3, background: '#ffffff' },
    limitInputPixels: false,
  })
    .png({ compressionLevel: 9 })
    .toBuffer();
}

/** The pixel at (x, y) of any picture as [red, green, blue, alpha], 0 to 255. */
export async function pixelAt(
  picture: Buffer,
  x: number,
  y: number,
): Promise<readonly [number, number, number, number]> {
  const data = await sharp(picture)
    .toColourspace('srgb')
    .ensureAlpha()
    .extract({ left: x, top: y, width: 1, height: 1 })
    .raw()
    .toBuffer();
  return [data[0] ?? -1, data[1] ?? -1, data[2] ?? -1, data[3] ?? -1];
}

export const ORANGE = { r: 200, g: 100, b: 50 } as const;

function filled({ width, height }: Size, background: { r: number; g: number; b: number }) {
  return sharp({ create: { width, height, channels: 3, background } });
}

function disc({ width, height }: Size): string {
  const radius = Math.min(width, height) / 4;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><circle cx="${width / 2}" cy="${height / 2}" r="${radius}" fill="#ff0000"/></svg>`;
}

import { fileTypeFromBuffer } from 'file-type';
import { z } from 'zod';

/** What is known of pictures without decoding them: format by their bytes, limits, the shape of what is delivered. */

/**
 * The outputs of the models are at most 1536×1024 (1.6 megapixels). 40 megapixels leaves room for models with larger
 * ones, and is what bounds a render child's memory, since no limit of V8 reaches libvips: 160 MB decoded, 780 MB at
 * the peak of rendering such a picture into `catalog` (measured; with 1024×1024, 100 MB, the whole process). sharp's
 * own default (268 megapixels) would let a flat 600 KB PNG take 689 MB (MEASURED.md).
 */
export const MAX_PICTURE_PIXELS = 40_000_000;

/** WebP can hold no longer side, and every picture must be able to become one. */
const MAX_PICTURE_SIDE = 16_383;

/** More than a 1536×1024 PNG of pure noise with alpha (6.3 MB), and little enough to hold in memory. */
export const MAX_PICTURE_BYTES = 33_554_432;

export interface PictureLimits {
  readonly maxBytes: number;
  readonly maxPixels: number;
  readonly maxSide: number;
}

export const PICTURE_LIMITS: PictureLimits = {
  maxBytes: MAX_PICTURE_BYTES,
  maxPixels: MAX_PICTURE_PIXELS,
  maxSide: MAX_PICTURE_SIDE,
};

export type PictureErrorCode =
  | 'unreadable_picture'
  | 'too_many_pixels'
  | 'too_many_bytes'
  | 'wrong_format'
  | 'unlabelled'
  | 'over_byte_limit'
  | 'wrong_size'
  | 'no_alpha'
  | 'failed_check'
  | 'bad_recipe';

/** The picture itself is at fault: the same bytes fail again. */
export class PictureError extends Error {
  readonly code: PictureErrorCode;

  constructor(code: PictureErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PictureError';
    this.code = code;
  }
}

export type PictureFormat = 'jpeg' | 'png' | 'webp';

export interface SniffedFormat {
  readonly format: PictureFormat;
  readonly contentType: string;
  /** For the object key; without a dot. */
  readonly extension: string;
}

const ORIGINAL_FORMATS: Readonly<Record<string, SniffedFormat>> = {
  'image/jpeg': { format: 'jpeg', contentType: 'image/jpeg', extension: 'jpg' },
  'image/png': { format: 'png', contentType: 'image/png', extension: 'png' },
  // An animated PNG is a PNG to every reader; its first frame is taken.
  'image/apng': { format: 'png', contentType: 'image/png', extension: 'png' },
  'image/webp': { format: 'webp', contentType: 'image/webp', extension: 'webp' },
};

/**
 * The format by the bytes, never by a name or a header: fal's own example answers a request for a png with a jpeg.
 * undefined for everything that is not a jpeg, png or webp.
 */
export async function sniff(bytes: Uint8Array): Promise<SniffedFormat | undefined> {
  const found = await fileTypeFromBuffer(bytes);
  return found === undefined ? undefined : ORIGINAL_FORMATS[found.mime];
}

/** Content type and key ending of what sharp writes. */
export const RENDITION_FILES = {
  webp: { contentType: 'image/webp', extension: 'webp' },
  jpeg: { contentType: 'image/jpeg', extension: 'jpg' },
  png: { contentType: 'image/png', extension: 'png' },
  avif: { contentType: 'image/avif', extension: 'avif' },
} as const satisfies Record<string, { contentType: string; extension: string }>;

export interface DataUri {
  /** What the URI claims; the format comes from `sniff`. */
  readonly claimedType: string;
  readonly bytes: Buffer;
}

/**
 * The bytes of a base64 data URI, as `sync_mode` answers. Throws a `PictureError`: `too_many_bytes` before anything
 * is decoded, `unreadable_picture` where it is no base64 data URI. The error never repeats the URI.
 */
export function decodeDataUri(uri: string, { maxBytes }: Pick<PictureLimits, 'maxBytes'>): DataUri {
  const comma = uri.indexOf(',');
  const head = /^data:([^,]{0,200});base64$/i.exec(uri.slice(0, Math.max(0, comma)));
  if (head === null) {
    throw new PictureError('unreadable_picture', 'The answer holds no picture: it is not a base64 data URI.');
  }
  const text = uri.slice(comma + 1);
  const sizeBytes = Math.floor((text.length * 3) / 4);
  if (sizeBytes > maxBytes + 2) throw tooManyBytes(sizeBytes, maxBytes);
  // Buffer.from skips what is not base64, so that a broken URI would become a broken picture without a word.
  if (text.length % 4 === 1 || !/^[A-Za-z0-9+/_-]*={0,2}$/.test(text)) {
    throw new PictureError(
      'unreadable_picture',
      'The answer holds no picture: its data URI is not valid base64.',
    );
  }
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length > maxBytes) throw tooManyBytes(bytes.length, maxBytes);
  return { claimedType: (head[1] ?? '').toLowerCase(), bytes };
}

export function tooManyBytes(sizeBytes: number, maxBytes: number): PictureError {
  return new PictureError(
    'too_many_bytes',
    `The picture has ${sizeBytes.toLocaleString('en')} bytes; at most ${maxBytes.toLocaleString('en')} are taken.`,
  );
}

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const storedPicture = z.object({
  key: z.string(),
  /** As displayed, in pixels. */
  width: z.int().min(1),
  height: z.int().min(1),
  bytes: z.int().min(1),
  format: z.string(),
  sha256,
});

const look = z.object({
  /** ThumbHash (evanw.github.io/thumbhash), base64: a blur of some 25 bytes, shown until the picture has come. */
  thumbHash: z.string(),
  /** `#rrggbb` of what is not transparent; absent where nothing is. */
  dominantColor: z.string().optional(),
  /** 64 bits in hex; pictures that look the same differ in few. */
  pHash: z.string(),
});
export type Look = Readonly<z.infer<typeof look>>;

/** What a check of the picture found; `fail` is never delivered. */
const finding = z.object({ check: z.string(), level: z.enum(['warn', 'fail']), says: z.string() });
export type Finding = Readonly<z.infer<typeof finding>>;

/** One image of a delivery: what the manifest says of it, but for the addresses. */
export const deliveredImage = z.object({
  /** Which of the shot's variants, from 0. */
  index: z.int().min(0),
  /** fal's id of the request that made it. */
  requestId: z.string().optional(),
  original: storedPicture,
  renditions: z.array(storedPicture.extend({ name: z.string() })),
  /** Absent in deliveries of before. */
  look: look.optional(),
  findings: z.array(finding).optional(),
});

export type DeliveredImage = Readonly<z.infer<typeof deliveredImage>>;

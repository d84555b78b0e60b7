import { z } from 'zod';

/** What a recipe may say of one rendition. Every field's meaning stands in docs/recipes.md, too. */

const colour = z.string().regex(/^#[0-9a-f]{6}$/i, 'must be a colour such as "#ffffff"');
/** WebP's own limit; wider files exist, but no shop shows them. */
const side = z.int().min(1).max(16_383);
const quality = z.int().min(1).max(100);
/** A part of a side: 0.1 is a tenth. */
const share = z.number().min(0).max(1);

const PLACES = [
  'top-left',
  'top',
  'top-right',
  'left',
  'centre',
  'right',
  'bottom-left',
  'bottom',
  'bottom-right',
] as const;

const watermark = z.strictObject({
  /** A file beside the recipe's. */
  image: z
    .string()
    .regex(
      /^[A-Za-z0-9_-][A-Za-z0-9._-]*\.(png|webp|jpe?g)$/,
      'must name a .png, .webp or .jpg file beside the recipe, such as "logo.png"',
    ),
  place: z.enum(PLACES).default('bottom-right'),
  /** 1: as it is; 0.5: half of what is behind shows through. */
  opacity: share.default(1),
  /** Of the rendition's width. */
  width: share.min(0.01).default(0.2),
  /** To the nearest edges, of the rendition's shorter side. */
  margin: share.max(0.4).default(0.03),
});

const common = {
  /** Part of the object key, so plain: the key stays readable and never meets another on a disk that ignores case. */
  name: z
    .string()
    .regex(
      /^[a-z0-9][a-z0-9-]{0,31}$/,
      'must be 1 to 32 lower-case letters, digits or "-", such as "web-800"',
    ),
  width: side.optional(),
  height: side.optional(),
  /**
   * inside: the whole picture, at most this size. cover: fills this shape, the edges are cut. contain: the whole
   * picture in the middle of exactly this size, the rest in the background. frame: as contain, but of a picture that
   * is too small for it the file is smaller, in the same shape.
   */
  fit: z.enum(['inside', 'cover', 'contain', 'frame']).default('inside'),
  /** Kept free on each side with `contain` and `frame`, as a part of that side. */
  padding: share.max(0.45).default(0),
  /** Cuts plain margins off first: what differs from the corner's colour by less than this (0 to 255). */
  trim: z.number().min(1).max(255).optional(),
  /** Behind transparent parts where the format has none, and around the picture with `contain` and `frame`. */
  background: colour.optional(),
  /** Sigma of the mask that sharpens after resizing; about 0.5 to 1. */
  sharpen: z.number().min(0.3).max(10).optional(),
  watermark: watermark.optional(),
  /** Written out in the file and never false: pixels that the model did not make are never made up. */
  withoutEnlargement: z.literal(true).default(true),
};

/** A limit of bytes is met by lowering the quality, as far as that. */
const lossy = {
  quality,
  maxBytes: z.int().min(1_000).optional(),
  minQuality: quality.default(40),
};

export const rendition = z
  .discriminatedUnion('format', [
    z.strictObject({
      ...common,
      ...lossy,
      format: z.literal('webp'),
      effort: z.int().min(0).max(6).default(2),
    }),
    z.strictObject({ ...common, ...lossy, format: z.literal('jpeg') }),
    // PNG stays lossless: quality and effort would make sharp reduce it to a palette.
    z.strictObject({ ...common, format: z.literal('png') }),
    // Effort 3 has the bytes of sharp's default 4 at a fifth of its time (MEASURED.md).
    z.strictObject({
      ...common,
      ...lossy,
      format: z.literal('avif'),
      effort: z.int().min(0).max(9).default(3),
    }),
  ])
  .superRefine((value, context) => {
    const fault = (field: string, message: string) =>
      context.addIssue({ code: 'custom', path: [field], message });
    if (value.format === 'jpeg' && value.background === undefined) {
      fault(
        'background',
        'must be a colour such as "#ffffff": jpeg has no transparency, and without one it turns black',
      );
    }
    if (value.fit !== 'inside' && (value.width === undefined || value.height === undefined)) {
      fault('fit', `"${value.fit}" needs both width and height; with one of them use "inside"`);
    }
    if (value.padding > 0 && value.fit !== 'contain' && value.fit !== 'frame') {
      fault('padding', `goes with "contain" or "frame" only; "${value.fit}" has no margin`);
    }
    if (value.format !== 'png' && value.maxBytes !== undefined && value.minQuality > value.quality) {
      fault('minQuality', `must not be above quality (${value.quality})`);
    }
  });

export type Rendition = Readonly<z.infer<typeof rendition>>;
export type RenditionFormat = Rendition['format'];
export type Watermark = Readonly<z.infer<typeof watermark>>;

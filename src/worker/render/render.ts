import { createHash } from 'node:crypto';
import pMap from 'p-map';
import sharp, { type Sharp } from 'sharp';
import type { ExpectedPicture } from '../../shared/models/expected.ts';
import { type Finding, type Look, RENDITION_FILES } from '../../shared/pictures/formats.ts';
import type { Recipe, Rendition, RenditionFormat } from '../../shared/pictures/recipes.ts';
import { assertAsAsked, assertPasses, findingsOf } from './checks.ts';
import { withinBytes } from './encode.ts';
import { lookOf } from './fingerprint.ts';
import { type Layout, layOut } from './layout.ts';
import { MEASURED_SIDE, measure } from './measures.ts';
import { decode, fromPixels, type Pixels, smallOf } from './pixels.ts';
import { assertLabelled, type Provenance, packetOf } from './provenance.ts';
import { watermarkOn } from './watermark.ts';

export interface Rendered {
  readonly name: string;
  readonly format: RenditionFormat;
  readonly contentType: string;
  /** Without a dot. */
  readonly extension: string;
  readonly width: number;
  readonly height: number;
  readonly bytes: Buffer;
  /** Hex. */
  readonly sha256: string;
}

export interface RenderedPicture {
  readonly renditions: readonly Rendered[];
  readonly look: Look;
  readonly findings: readonly Finding[];
}

export interface RenderOptions {
  readonly expected: ExpectedPicture;
  /** Written into every file, unless the recipe says otherwise. */
  readonly provenance: Provenance;
  readonly signal?: AbortSignal;
}

/**
 * So that a core that is free while another child reads, writes or starts has something to do; no more, since each holds
 * its own pixels.
 */
const RENDITIONS_AT_ONCE = 4;

/**
 * Every rendition of the recipe, in its order. The original is decoded once and whole, also for a recipe without
 * renditions: what does not decode is never delivered. Output is 8-bit sRGB; CMYK, 16-bit, grey, palette and embedded
 * profiles are converted, the EXIF orientation is applied, of an animation the first frame is taken.
 *
 * Throws a `PictureError` for a picture that cannot be decoded, is not as it was asked for, or does not pass the
 * recipe's checks, and the signal's reason between two renditions once it
 * aborts: libvips itself cannot be interrupted.
 */
export async function renderAll(
  original: Buffer,
  recipe: Recipe,
  { provenance, expected, signal }: RenderOptions,
): Promise<RenderedPicture> {
  tuneSharp();
  const pixels = await decode(original);
  const small = await smallOf(pixels, MEASURED_SIDE);
  const measures = measure(small);
  const { width, height } = pixels;
  assertAsAsked({ width, height, isTransparent: measures.seeThrough }, expected);
  const findings = findingsOf(measures, recipe.checks);
  assertPasses(findings);
  const xmp = packetOf(recipe, provenance);
  const [renditions, look] = await Promise.all([
    pMap(
      recipe.renditions,
      async (rendition) => {
        signal?.throwIfAborted();
        return await renderOne(pixels, rendition, recipe.files, xmp);
      },
      { concurrency: RENDITIONS_AT_ONCE },
    ),
    lookOf(small),
  ]);
  return { renditions, look, findings };
}

function tuneSharp(): void {
  // Each child renders one picture at a time and there are as many children as cores: more threads a picture would
  // only make them wait for each other. Set, since sharp's own default depends on the allocator it finds.
  sharp.concurrency(1);
  // The cache serves repeated operations on the same file; every picture here is new, so it would only hold memory.
  sharp.cache(false);
}

async function renderOne(
  decoded: Pixels,
  rendition: Rendition,
  files: Recipe['files'],
  xmp: string | undefined,
): Promise<Rendered> {
  const pixels = rendition.trim === undefined ? decoded : await trimmed(decoded, rendition.trim);
  const layout = layOut(pixels, rendition);
  const image = place(fromPixels(pixels), layout, rendition);
  if (rendition.sharpen !== undefined) image.sharpen({ sigma: rendition.sharpen });
  const { watermark } = rendition;
  if (watermark !== undefined) {
    const bytes = files.get(watermark.image);
    if (bytes === undefined) throw new RangeError(`recipe without its watermark ${watermark.image}`);
    image.composite([await watermarkOn(layout.canvas ?? layout.scaled, watermark, bytes)]);
  }
  // No withMetadata, keepExif, keepXmp or keepIccProfile: the recipe's policy `strip`. Raw pixels carry none anyway.
  if (xmp !== undefined) image.withXmp(xmp);
  const { data: bytes, info } = await withinBytes(image, rendition);
  if (xmp !== undefined) await assertLabelled(bytes, xmp, rendition.name);
  return {
    name: rendition.name,
    format: rendition.format,
    ...RENDITION_FILES[rendition.format],
    width: info.width,
    height: info.height,
    bytes,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  };
}

/** Without its plain margins; a picture that is nothing but margin stays whole. */
async function trimmed(pixels: Pixels, threshold: number): Promise<Pixels> {
  const { data, info } = await fromPixels(pixels)
    .trim({ threshold })
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height, channels: info.channels };
}

function place(image: Sharp, { scaled, canvas, crop }: Layout, rendition: Rendition): Sharp {
  // A jpeg has no alpha; without a background its transparent parts would turn black. The schema demands one.
  if (rendition.format === 'jpeg') image.flatten({ background: rendition.background ?? '#ffffff' });
  image.resize({ ...scaled, fit: crop ? 'cover' : 'fill' });
  if (canvas !== undefined) {
    const left = Math.floor((canvas.width - scaled.width) / 2);
    const top = Math.floor((canvas.height - scaled.height) / 2);
    image.extend({
      left,
      top,
      right: canvas.width - scaled.width - left,
      bottom: canvas.height - scaled.height - top,
      background: rendition.background ?? { r: 255, g: 255, b: 255, alpha: 0 },
    });
  }
  return image;
}

import { crc32 } from 'node:zlib';
import type { PictureFormat } from './formats.ts';

/** What the bytes of a picture say of themselves without being decoded. */
export type Structure =
  | {
      readonly kind: 'whole';
      readonly format: PictureFormat;
      readonly width: number;
      readonly height: number;
    }
  /** `why` completes "The picture …". */
  | { readonly kind: 'broken'; readonly why: string };

/**
 * Walks a picture from its first byte to its end: every chunk of a PNG with its CRC to IEND, the markers of a JPEG to EOI,
 * the chunks of a WebP by its RIFF length. Pure; reads each byte at most once, and no pixel. Width and height are as
 * stored: before the EXIF orientation. Bytes behind the end are ignored, as decoders do.
 */
export function structureOf(bytes: Uint8Array): Structure {
  if (bytes.length === 0) return broken('is empty');
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (startsWith(view, PNG_SIGNATURE)) return pngStructure(view);
  if (startsWith(view, JPEG_START)) return jpegStructure(view);
  if (textAt(view, 0) === 'RIFF' && textAt(view, 8) === 'WEBP') return webpStructure(view);
  return broken('is no jpeg, png or webp');
}

const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const JPEG_START = [0xff, 0xd8, 0xff];

/** Length and type before a chunk's data, CRC behind it. */
const PNG_FRAME = 12;

function pngStructure(view: Buffer): Structure {
  let size: { readonly width: number; readonly height: number } | undefined;
  let hasData = false;
  for (let at = PNG_SIGNATURE.length; ; ) {
    if (at + PNG_FRAME > view.length) return broken('ends before its last chunk');
    const length = view.readUInt32BE(at);
    const end = at + PNG_FRAME + length;
    if (end > view.length) return broken('ends within a chunk');
    const type = textAt(view, at + 4);
    if (crc32(view.subarray(at + 4, end - 4)) !== view.readUInt32BE(end - 4))
      return broken(`has a damaged ${JSON.stringify(type)} chunk`);
    if (size === undefined) {
      if (type !== 'IHDR' || length < 8) return broken('does not begin with its header');
      size = { width: view.readUInt32BE(at + 8), height: view.readUInt32BE(at + 12) };
    }
    if (type === 'IDAT') hasData = true;
    if (type === 'IEND') return hasData ? whole('png', size) : broken('has no pixels');
    at = end;
  }
}

/** Markers without a length: TEM, and the restarts, which stand between pixels. */
const isBare = (marker: number): boolean => marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7);
/** Start of a frame: width and height stand in it. Between them lie tables (DHT, JPG, DAC). */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
const SCAN = 0xda;
const END = 0xd9;

function jpegStructure(view: Buffer): Structure {
  let size: { readonly width: number; readonly height: number } | undefined;
  let hasScan = false;
  let at = 2;
  for (;;) {
    if (view[at] !== 0xff)
      return broken(at >= view.length ? 'ends before its end marker' : 'has a damaged marker');
    // Any number of fill bytes may stand before a marker.
    while (view[at] === 0xff) at += 1;
    const marker = view[at];
    if (marker === undefined) return broken('ends before its end marker');
    at += 1;
    if (marker === END) break;
    if (isBare(marker)) continue;
    if (at + 2 > view.length) return broken('ends within a segment');
    const length = view.readUInt16BE(at);
    if (length < 2 || at + length > view.length) return broken('ends within a segment');
    if (isFrame(marker)) {
      if (length < 8) return broken('has a damaged header');
      size = { height: view.readUInt16BE(at + 3), width: view.readUInt16BE(at + 5) };
    }
    at += length;
    if (marker !== SCAN) continue;
    hasScan = true;
    at = scanEnd(view, at);
  }
  return size !== undefined && hasScan ? whole('jpeg', size) : broken('has no pixels');
}

/** Where the marker behind a scan begins: an FF that is no stuffed byte (00) and no restart. */
function scanEnd(view: Buffer, from: number): number {
  let at = view.indexOf(0xff, from);
  while (at !== -1) {
    const next = view[at + 1];
    if (next !== undefined && next !== 0x00 && next !== 0xff && !isBare(next)) return at;
    at = view.indexOf(0xff, at + (next === 0xff ? 1 : 2));
  }
  return view.length;
}

function webpStructure(view: Buffer): Structure {
  const end = 8 + view.readUInt32LE(4);
  if (end > view.length) return broken('is shorter than its header says');
  let canvas: { readonly width: number; readonly height: number } | undefined;
  let frame: { readonly width: number; readonly height: number } | undefined;
  let hasPixels = false;
  for (let at = 12; at < end; ) {
    if (at + 8 > end) return broken('ends within a chunk');
    const type = textAt(view, at);
    const length = view.readUInt32LE(at + 4);
    if (at + 8 + length > end) return broken('ends within a chunk');
    const data = view.subarray(at + 8, at + 8 + length);
    if (type === 'VP8X' && length >= 10)
      canvas = { width: data.readUIntLE(4, 3) + 1, height: data.readUIntLE(7, 3) + 1 };
    if (type === 'VP8 ' && length >= 10)
      frame ??= { width: data.readUInt16LE(6) & 0x3fff, height: data.readUInt16LE(8) & 0x3fff };
    if (type === 'VP8L' && length >= 5) {
      const bits = data.readUInt32LE(1);
      frame ??= { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
    }
    if (type === 'VP8 ' || type === 'VP8L' || type === 'ANMF') hasPixels = true;
    // Chunks are padded to an even length.
    at += 8 + length + (length % 2);
  }
  const size = canvas ?? frame;
  return size !== undefined && hasPixels ? whole('webp', size) : broken('has no pixels');
}

function whole(
  format: PictureFormat,
  { width, height }: { readonly width: number; readonly height: number },
): Structure {
  return width > 0 && height > 0 ? { kind: 'whole', format, width, height } : broken('has no pixels');
}

function broken(why: string): Structure {
  return { kind: 'broken', why };
}

function startsWith(view: Buffer, start: readonly number[]): boolean {
  return start.every((byte, at) => view[at] === byte);
}

function textAt(view: Buffer, at: number): string {
  return view.toString('latin1', at, at + 4);
}

/**
 * The XMP packet of a WebP or JPEG file, found by the file's own structure and not by a search, so that it is where every
 * reader looks for it; undefined where there is none, or the structure does not hold. `other` for every other format.
 */
export function writtenXmp(file: Buffer): Buffer | 'other' | undefined {
  if (textAt(file, 0, 'RIFF') && textAt(file, 8, 'WEBP')) return ofWebp(file);
  if (file.length > 2 && file.readUInt16BE(0) === JPEG_START) return ofJpeg(file);
  return 'other';
}

/** In the eighth byte of a WebP's extended header: "contains XMP" (RFC 9649, 2.7). */
const WEBP_HAS_XMP = 0x04;

function ofWebp(file: Buffer): Buffer | undefined {
  // The RIFF header counts what follows it: all of the file.
  if (file.length < 12 || file.readUInt32LE(4) !== file.length - 8) return undefined;
  let announced = false;
  for (let at = 12; at + 8 <= file.length; ) {
    const size = file.readUInt32LE(at + 4);
    const data = file.subarray(at + 8, at + 8 + size);
    if (data.length < size) return undefined;
    if (textAt(file, at, 'VP8X')) announced = ((data[0] ?? 0) & WEBP_HAS_XMP) !== 0;
    if (textAt(file, at, 'XMP ')) return announced ? data : undefined;
    // Chunks begin at even places.
    at += 8 + size + (size % 2);
  }
  return undefined;
}

const JPEG_START = 0xffd8;
const APP1 = 0xffe1;
const START_OF_SCAN = 0xffda;
/** Ahead of the packet (XMP specification, part 3, 1.1.3). */
const JPEG_XMP = 'http://ns.adobe.com/xap/1.0/\0';

function ofJpeg(file: Buffer): Buffer | undefined {
  for (let at = 2; at + 4 <= file.length; ) {
    const marker = file.readUInt16BE(at);
    // Behind the scan there is no metadata, and what is no marker is no JPEG.
    if (marker === START_OF_SCAN || marker >> 8 !== 0xff) return undefined;
    // The length counts its own two bytes.
    const end = at + 2 + file.readUInt16BE(at + 2);
    if (end > file.length) return undefined;
    if (marker === APP1 && textAt(file, at + 4, JPEG_XMP)) {
      return file.subarray(at + 4 + JPEG_XMP.length, end);
    }
    at = end;
  }
  return undefined;
}

function textAt(file: Buffer, at: number, text: string): boolean {
  return file.toString('latin1', at, at + text.length) === text;
}

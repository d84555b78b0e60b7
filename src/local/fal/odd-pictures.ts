import { promisify } from 'node:util';
import { crc32, deflate } from 'node:zlib';
import sharp from 'sharp';

/** Pictures that a guard or a check must refuse. */

/** Of one colour, in the same size and format. */
export async function blanked(picture: Buffer): Promise<Buffer> {
  const { width, height, format } = await sharp(picture).metadata();
  const plain = sharp({ create: { width, height, channels: 3, background: '#8899aa' } });
  return await plain.toFormat(format).toBuffer();
}

/** Half as wide and half as high, in the same format. */
export async function halved(picture: Buffer): Promise<Buffer> {
  const { width } = await sharp(picture).metadata();
  return await sharp(picture)
    .resize({ width: Math.ceil(width / 2) })
    .toBuffer();
}

/** A png becomes a jpeg, everything else a png. */
export async function inOtherFormat(picture: Buffer): Promise<Buffer> {
  const { format } = await sharp(picture).metadata();
  return format === 'png' ? sharp(picture).jpeg().toBuffer() : sharp(picture).png().toBuffer();
}

/** The head is whole, so that only decoding shows it; the bytes behind it are noise. */
export function corrupted(picture: Buffer): Buffer {
  const bytes = Buffer.from(picture);
  for (let at = Math.floor(bytes.length / 4); at < bytes.length - 16; at += 1) {
    bytes[at] = ((bytes[at] ?? 0) ^ 0xa5 ^ (at & 0xff)) & 0xff;
  }
  return bytes;
}

/** Every chunk with its right CRC, and pixels that are no zlib stream. */
export function undecodablePng(): Buffer {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(64, 0);
  head.writeUInt32BE(64, 4);
  // Eight bits a channel, red, green and blue.
  head.writeUInt8(8, 8);
  head.writeUInt8(2, 9);
  const data = Buffer.alloc(600, 0xa5);
  return Buffer.concat([
    PNG_SIGNATURE,
    chunk('IHDR', head),
    chunk('IDAT', data),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

const PNG_SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const HUGE_SIDE = 20_000;

/** A valid png of 400 million pixels in some 50 KB. */
export async function hugePng(): Promise<Buffer> {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(HUGE_SIDE, 0);
  head.writeUInt32BE(HUGE_SIDE, 4);
  // One bit a pixel, grey.
  head.writeUInt8(1, 8);
  const rows = Buffer.alloc(HUGE_SIDE * (HUGE_SIDE / 8 + 1));
  const data = await promisify(deflate)(rows, { level: 1 });
  return Buffer.concat([
    PNG_SIGNATURE,
    chunk('IHDR', head),
    chunk('IDAT', data),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}

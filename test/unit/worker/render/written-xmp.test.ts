import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { writtenXmp } from '../../../../src/worker/render/written-xmp.ts';

const PACKET = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><!-- ünïcode, and odd --></x:xmpmeta>';

async function picture({ alpha, exif }: { alpha: number; exif: boolean }) {
  const drawn = sharp({
    create: { width: 33, height: 21, channels: 4, background: { r: 200, g: 40, b: 90, alpha } },
  });
  return exif ? drawn.withExif({ IFD0: { Copyright: 'x' } }) : drawn;
}

const KINDS = [
  { alpha: 1, exif: false },
  { alpha: 0.5, exif: false },
  { alpha: 1, exif: true },
];

describe('the XMP of a written file', () => {
  it.each(['webp', 'jpeg'] as const)(
    'is what sharp finds in a %s, whatever else is in it',
    async (format) => {
      for (const kind of KINDS) {
        const file = await (await picture(kind)).withXmp(PACKET).toFormat(format).toBuffer();
        const found = writtenXmp(file);
        expect(found).toEqual((await sharp(file).metadata()).xmp);
        expect(found?.toString('utf8')).toBe(PACKET);
      }
    },
  );

  it.each(['webp', 'jpeg'] as const)('is nothing in a %s without it', async (format) => {
    for (const kind of KINDS) {
      expect(writtenXmp(await (await picture(kind)).toFormat(format).toBuffer())).toBeUndefined();
    }
  });

  it.each(['png', 'avif'] as const)('is left to sharp in a %s', async (format) => {
    const file = await (await picture({ alpha: 1, exif: false })).withXmp(PACKET).toFormat(format).toBuffer();
    expect(writtenXmp(file)).toBe('other');
  });

  it('is nothing where the words stand in the file and no reader would look for them', async () => {
    const webp = await (await picture({ alpha: 1, exif: false })).withXmp(PACKET).webp().toBuffer();
    const jpeg = await (await picture({ alpha: 1, exif: false })).withXmp(PACKET).jpeg().toBuffer();
    const appended = Buffer.concat([
      await (await picture({ alpha: 1, exif: false })).jpeg().toBuffer(),
      Buffer.from(PACKET),
    ]);
    const unannounced = Buffer.from(webp);
    unannounced[20] = (unannounced[20] ?? 0) & ~0x04;
    const unnamed = Buffer.from(jpeg);
    unnamed[unnamed.indexOf('http://ns.adobe.com/xap')] = 0x48;
    for (const file of [appended, unannounced, unnamed]) {
      expect(file.includes(PACKET)).toBe(true);
      expect(writtenXmp(file)).toBeUndefined();
    }
  });

  it('is nothing, and no error, in a file that was cut anywhere ahead of its end', async () => {
    const webp = await (await picture({ alpha: 1, exif: false })).withXmp(PACKET).webp().toBuffer();
    for (let length = 12; length < webp.length; length += 1) {
      expect(writtenXmp(webp.subarray(0, length))).toBeUndefined();
    }
    const jpeg = await (await picture({ alpha: 1, exif: false })).withXmp(PACKET).jpeg().toBuffer();
    const packetEnds = jpeg.indexOf(PACKET) + Buffer.byteLength(PACKET);
    for (let length = 3; length < packetEnds; length += 1) {
      expect(writtenXmp(jpeg.subarray(0, length))).toBeUndefined();
    }
  });
});

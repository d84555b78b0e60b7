import sharp from 'sharp';

const FOREIGN = ['tiff', 'gif', 'avif'];
const SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>';

/** Which of the formats the libvips of this process reads, by a file of each. */
export async function readableFormats() {
  const made = ['jpeg', 'png', 'webp', ...FOREIGN].map(async (format) => [
    format,
    await sharp({ create: { width: 9, height: 9, channels: 3, background: '#ff0000' } })
      .toFormat(format)
      .toBuffer(),
  ]);
  const files = [...(await Promise.all(made)), ['svg', Buffer.from(SVG)], ['pdf', Buffer.from('%PDF-1.7\n')]];
  const readable = await Promise.all(
    files.map(async ([format, bytes]) => {
      try {
        await sharp(bytes).stats();
        return [format];
      } catch {
        return [];
      }
    }),
  );
  return readable.flat();
}

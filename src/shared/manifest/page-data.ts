import type { DeliveredImage } from '../pictures/formats.ts';

/** What a shop's page needs beside the files. */

/** Columns whose words describe the picture, the first that is filled in. */
const ALT_COLUMNS = ['alt', 'alt_text', 'image_alt', 'image_alt_text'] as const;

/** The text for those who do not see the picture: a column of the person's, else the prompt. */
export function altOf(columns: Readonly<Record<string, string>>, prompt: string): string {
  for (const column of ALT_COLUMNS) {
    const text = Object.hasOwn(columns, column) ? columns[column]?.trim() : undefined;
    if (text !== undefined && text !== '') return text;
  }
  return prompt;
}

/** Shapes that a page takes for the same picture: rounding to whole pixels moves the shape of small files by this. */
const SAME_SHAPE = 0.02;

/**
 * A `srcset` line a format, narrowest first, of the renditions that show the whole picture in its own shape. A format
 * with one file has one entry.
 */
export function srcsetOf(
  original: DeliveredImage['original'],
  renditions: DeliveredImage['renditions'],
  urlOf: (key: string) => string,
): Record<string, string> {
  const shape = original.width / original.height;
  const lines: Record<string, string> = {};
  const widths = new Set<string>();
  for (const { key, width, height, format } of [...renditions].sort((a, b) => a.width - b.width)) {
    const same = Math.abs(width / height / shape - 1) <= SAME_SHAPE;
    if (!same || widths.has(`${format} ${width}`)) continue;
    widths.add(`${format} ${width}`);
    // A comma at an address's end would end the entry (HTML, "srcset attribute"); inside of one it is part of it.
    const entry = `${urlOf(key).replace(/,$/, '%2C').replaceAll(' ', '%20')} ${width}w`;
    lines[format] = lines[format] === undefined ? entry : `${lines[format]}, ${entry}`;
  }
  return lines;
}

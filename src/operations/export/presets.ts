import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { PresetName } from '../../shared/base/choices.ts';
import { projectRoot } from '../../shared/base/project-root.ts';

/** What Shotlist itself can put into a cell. */
const made = z.enum(['shot', 'handle', 'image', 'position', 'more-images']);

const column = z.strictObject({
  /** As the importer wants it, letter by letter. A column of the list that is called the same comes first, but for pictures. */
  title: z.string().min(1),
  /** Other names that the list may have for it; case, spaces and punctuation do not count. */
  from: z.array(z.string()),
  /** Where the list has none. */
  else: made.optional(),
  /** The same in every row, where the list has none and one of `with` is there. */
  fixed: z.string().optional(),
  with: z.array(z.string()).optional(),
  required: z.literal(true).optional(),
  /** With a row per image: also in the rows of the second image on. */
  everyRow: z.literal(true).optional(),
  /** In characters; what is longer is cut. */
  maxLength: z.int().positive().optional(),
});

const preset = z
  .strictObject({
    /** The importer, for people. */
    name: z.string(),
    /** The importer's own page about these columns, and the day when it was read. */
    source: z.url({ protocol: /^https$/ }),
    seen: z.iso.date(),
    layout: z.enum(['row-per-image', 'row-per-shot']),
    /** Names of renditions, the best first; without one of them the largest is taken, and without any the original. */
    image: z.array(z.string()),
    maxMoreImages: z.int().positive().optional(),
    columns: z.array(column).min(1),
  })
  .check(({ value, issues }) => {
    const titles = new Set(value.columns.map(({ title }) => title));
    const unknown = value.columns.flatMap((one) => one.with ?? []).filter((title) => !titles.has(title));
    if (titles.size < value.columns.length || unknown.length > 0) {
      issues.push({
        code: 'custom',
        input: value,
        message: `columns are named twice, or "with" names none of them: ${unknown.join(', ')}`,
      });
    }
  });

export type PresetColumn = z.infer<typeof column>;
export type Preset = z.infer<typeof preset>;

const presets = z.strictObject({ shopify: preset, google: preset });

/** The column names of each importer, from the one file that holds them. Throws where the file contradicts itself. */
export async function loadPreset(name: PresetName, file = shippedPresetsFile()): Promise<Preset> {
  return presets.parse(JSON.parse(await readFile(file, 'utf8')))[name];
}

function shippedPresetsFile(): string {
  return join(projectRoot(), 'presets', 'export.json');
}

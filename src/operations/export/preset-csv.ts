import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { UserError } from '../../shared/base/errors.ts';
import { importerLine } from '../../shared/manifest/csv-line.ts';
import type { ManifestLine } from '../../shared/manifest/manifest.ts';
import { jsonLine } from '../../shared/store/json-line.ts';
import { handleOf, presetRows, type SourcedColumn, sourceColumns } from './preset-rows.ts';
import type { Preset } from './presets.ts';

export interface PresetCsvOptions {
  readonly preset: Preset;
  /** As it was typed, for the sentence. */
  readonly presetName: string;
  readonly listName: string;
  readonly urlOf: (key: string) => string;
  /** Shots that have no picture, and so no row. */
  readonly onLeftOut: (shots: number) => void;
}

/**
 * The batch as a CSV that an importer reads. Which columns the list has is known only at its end, so the lines wait in a
 * file meanwhile, as for the manifest. Throws a `UserError` where the importer needs a column that the list has not.
 */
export async function* presetCsv(
  lines: AsyncIterable<ManifestLine>,
  options: PresetCsvOptions,
): AsyncGenerator<string> {
  const { preset, urlOf } = options;
  const folder = await mkdtemp(join(tmpdir(), 'shotlist-export-'));
  try {
    const file = join(folder, 'lines.jsonl');
    const seen = new Seen(preset);
    await pipeline(Readable.from(seen.lines(lines)), createWriteStream(file));
    const { sourced, missing } = sourceColumns(preset, seen.own);
    if (missing.length > 0) throw lacking(missing, options);
    if (seen.clash !== undefined && makesHandles(sourced)) throw clashing(seen.clash);
    yield importerLine(sourced.map(({ column }) => column.title));
    let leftOut = 0;
    for await (const text of createInterface({ input: createReadStream(file) })) {
      // Written by `seen` a moment ago.
      const rows = presetRows(JSON.parse(text) as ManifestLine, sourced, preset, urlOf);
      if (rows.length === 0) leftOut += 1;
      for (const row of rows) yield importerLine(row);
    }
    options.onLeftOut(leftOut);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What must be known of all lines before the first can be written. */
class Seen {
  readonly own = new Set<string>();
  /** A shot whose handle another one has. */
  clash: string | undefined;
  readonly #handles: Set<string> | undefined;

  constructor({ columns }: Preset) {
    this.#handles = columns.some((column) => column.else === 'handle') ? new Set() : undefined;
  }

  async *lines(lines: AsyncIterable<ManifestLine>): AsyncGenerator<string> {
    for await (const line of lines) {
      for (const name of Object.keys(line.row)) this.own.add(name);
      const handle = handleOf(line.shot);
      if (this.#handles?.has(handle) === true) this.clash ??= line.shot;
      this.#handles?.add(handle);
      yield `${jsonLine(line)}\n`;
    }
  }
}

function lacking(
  missing: readonly string[],
  { preset, presetName, listName }: Pick<PresetCsvOptions, 'preset' | 'presetName' | 'listName'>,
): UserError {
  const columns = missing.length === 1 ? 'a column' : 'columns';
  return new UserError(
    'preset_columns',
    `--preset ${presetName}: ${preset.name} needs ${columns} that ${listName} has not; add to the list: ${missing.join(', ')}.`,
  );
}

function makesHandles(sourced: readonly SourcedColumn[]): boolean {
  return sourced.some(({ column, own }) => column.else === 'handle' && own.length === 0);
}

/** The importer would make one product of two. */
function clashing(shot: string): UserError {
  return new UserError(
    'preset_handles',
    `Two shots would become one product, since their ids differ in case alone (${shot}): add a column "handle" to the list.`,
  );
}

import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { jsonLine } from '../store/json-line.ts';
import { type Cell, csvLine } from './csv-line.ts';
import type { ManifestLine } from './manifest.ts';

/** Which columns a manifest needs, gathered line by line. */
export class ManifestColumns {
  readonly #own = new Set<string>();
  /** Names of renditions, by the image's index. */
  readonly #images = new Map<number, Set<string>>();
  /** Indices of images of which one is of a later take than the first. */
  readonly #taken = new Set<number>();
  #shotIsThere = true;
  #simulated = false;

  see({ shot, row, images, simulated }: ManifestLine): void {
    for (const column of Object.keys(row)) this.#own.add(column);
    if (!Object.values(row).some((cell) => cell.trim() === shot)) this.#shotIsThere = false;
    if (simulated === true) this.#simulated = true;
    for (const { index, take, renditions } of images) {
      if (take !== undefined) this.#taken.add(index);
      const names = this.#images.get(index) ?? new Set();
      for (const { name } of renditions) names.add(name);
      this.#images.set(index, names);
    }
  }

  /** Title and cell of every column: the person's own first, in their order; then what was made of them. */
  columns(urlOf: (key: string) => string): { title: string; cell: (line: ManifestLine) => Cell }[] {
    const own = [...this.#own].map((column) => ({
      title: column,
      cell: ({ row }: ManifestLine): Cell => row[column],
    }));
    const images = [...this.#images]
      .sort(([a], [b]) => a - b)
      .flatMap(([index, names]) => {
        const imageOf = ({ images: all }: ManifestLine) => all.find((one) => one.index === index);
        const original = (line: ManifestLine): Cell => {
          const stored = imageOf(line)?.original;
          return stored === undefined ? undefined : (stored.url ?? urlOf(stored.key));
        };
        const rendition =
          (name: string) =>
          (line: ManifestLine): Cell =>
            imageOf(line)?.renditions.find((one) => one.name === name)?.url;
        const take = (line: ManifestLine): Cell => {
          const image = imageOf(line);
          return image === undefined ? undefined : (image.take ?? 0);
        };
        return [
          { title: `image_${index}`, cell: original },
          // Not `image_0_take`: a rendition may be called so.
          ...(this.#taken.has(index) ? [{ title: `take_${index}`, cell: take }] : []),
          ...[...names].map((name) => ({ title: `image_${index}_${name}`, cell: rendition(name) })),
        ];
      });
    const made: { title: string; cell: (line: ManifestLine) => Cell }[] = [
      ...(this.#shotIsThere ? [] : [{ title: 'shot', cell: ({ shot }: ManifestLine) => shot }]),
      // The person's own may hold names of columns; its cell stays as it was written.
      ...(this.#own.has('prompt') ? [] : [{ title: 'prompt', cell: ({ prompt }: ManifestLine) => prompt }]),
      { title: 'status', cell: ({ status }) => status },
      { title: 'error', cell: ({ error }) => error ?? undefined },
      { title: 'cost_usd', cell: ({ costUsd }) => costUsd },
      ...(this.#simulated ? [{ title: 'simulated', cell: () => true }] : []),
      ...images,
    ];
    // A column of the person's may be called the same.
    return [
      ...own,
      ...made.map(({ title, cell }) => ({ title: this.#own.has(title) ? `shotlist_${title}` : title, cell })),
    ];
  }
}

/**
 * The manifest as CSV. Its columns are known only when the last line is, so the lines wait in a file of their own
 * meanwhile: a batch of any size is written in flat memory, and read from the store once.
 */
export async function* manifestCsv(
  lines: AsyncIterable<ManifestLine>,
  urlOf: (key: string) => string,
): AsyncGenerator<string> {
  const folder = await mkdtemp(join(tmpdir(), 'shotlist-export-'));
  try {
    const file = join(folder, 'manifest.jsonl');
    const seen = new ManifestColumns();
    await pipeline(Readable.from(withBreaks(seenLines(lines, seen))), createWriteStream(file));
    yield* csvOfLines(file, seen, urlOf);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The lines as JSON, each looked at in passing. */
export async function* seenLines(
  lines: AsyncIterable<ManifestLine>,
  seen: ManifestColumns,
): AsyncGenerator<string> {
  for await (const line of lines) {
    seen.see(line);
    yield jsonLine(line);
  }
}

/** The CSV of a file that holds what `seenLines` gave, one a line. */
export async function* csvOfLines(
  file: string,
  seen: ManifestColumns,
  urlOf: (key: string) => string,
): AsyncGenerator<string> {
  const columns = seen.columns(urlOf);
  yield csvLine(columns.map(({ title }) => title));
  for await (const text of createInterface({ input: createReadStream(file) })) {
    // Written by `seenLines` a moment ago.
    const line = JSON.parse(text) as ManifestLine;
    yield csvLine(columns.map(({ cell }) => cell(line)));
  }
}

async function* withBreaks(lines: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) yield `${line}\n`;
}

import { createHash } from 'node:crypto';
import type { Cell } from '../../shared/manifest/csv-line.ts';
import type { ManifestLine } from '../../shared/manifest/manifest.ts';
import type { Preset, PresetColumn } from './presets.ts';

type Image = ManifestLine['images'][number];

/** A column of the preset with where its value comes from, for one list. */
export interface SourcedColumn {
  readonly column: PresetColumn;
  /** The list's own columns, the best first: a row that leaves one empty takes the next. None: Shotlist makes the value. */
  readonly own: readonly string[];
}

/** The preset's columns that have a source, in its order, and the titles of required ones that have none. */
export function sourceColumns(
  { columns }: Preset,
  own: Iterable<string>,
): { readonly sourced: readonly SourcedColumn[]; readonly missing: readonly string[] } {
  const byName = new Map<string, string>();
  for (const name of own) if (!byName.has(plain(name))) byName.set(plain(name), name);
  const ownOf = (column: PresetColumn): readonly string[] =>
    isOfPictures(column)
      ? []
      : [column.title, ...column.from].flatMap((name) => byName.get(plain(name)) ?? []);
  const has = (title: string) => columns.some((one) => one.title === title && ownOf(one).length > 0);
  const sourced = columns.flatMap((column) => {
    const found = ownOf(column);
    const isMade = column.else !== undefined || (column.fixed !== undefined && (column.with ?? []).some(has));
    return found.length === 0 && !isMade ? [] : [{ column, own: found }];
  });
  const there = new Set(sourced.map(({ column }) => column.title));
  const missing = columns
    .filter(({ title, required }) => required === true && !there.has(title))
    .map(({ title }) => title);
  return { sourced, missing };
}

/** The cells of one shot: a row, or a row per image; none where it has no picture. `urlOf` names an original. */
export function presetRows(
  line: ManifestLine,
  sourced: readonly SourcedColumn[],
  preset: Preset,
  urlOf: (key: string) => string,
): Cell[][] {
  if (line.status === 'retired' || line.images.length === 0) return [];
  const addresses = line.images.map((image) => addressOf(image, preset, urlOf));
  const rows = preset.layout === 'row-per-shot' ? addresses.slice(0, 1) : addresses;
  return rows.map((address, at) => {
    const made = { line, address, at, more: addresses.slice(1, 1 + (preset.maxMoreImages ?? Infinity)) };
    return sourced.map(({ column, own }) => {
      if (at > 0 && column.everyRow !== true) return undefined;
      // An empty cell of the list is no value, so what can be made is made.
      const cell = own.map((name) => line.row[name] ?? '').find((text) => text.trim() !== '');
      const value = cell ?? madeCell(column, made);
      return typeof value === 'string' && column.maxLength !== undefined
        ? [...value].slice(0, column.maxLength).join('')
        : value;
    });
  });
}

/** The list's own pictures are what the new ones replace. */
function isOfPictures({ else: kind }: PresetColumn): boolean {
  return kind === 'image' || kind === 'more-images' || kind === 'position';
}

interface Made {
  readonly line: ManifestLine;
  /** Of the row's image. */
  readonly address: string;
  /** The row's place among those of its shot, from 0. */
  readonly at: number;
  /** Of the images behind the first. */
  readonly more: readonly string[];
}

function madeCell({ else: kind, fixed }: PresetColumn, { line, address, at, more }: Made): Cell {
  switch (kind) {
    case undefined:
      return fixed;
    case 'shot':
      return line.shot;
    case 'handle':
      return handleOf(line.shot);
    case 'image':
      return address;
    case 'position':
      return at + 1;
    case 'more-images':
      return more.map((one) => one.replaceAll(',', '%2C')).join(',');
  }
}

function addressOf(
  { original, renditions }: Image,
  { image }: Preset,
  urlOf: (key: string) => string,
): string {
  const wanted = image
    .map((name) => renditions.find((one) => one.name === name))
    .find((one) => one !== undefined);
  const largest = renditions.reduce<Image['renditions'][number] | undefined>(
    (best, one) => (best === undefined || one.width * one.height > best.width * best.height ? one : best),
    undefined,
  );
  return (wanted ?? largest)?.url ?? original.url ?? urlOf(original.key);
}

/**
 * Part of an address in the shop: lower-case letters, digits and dashes. Where more than the case of letters was lost, a
 * hash of the id keeps two ids apart; ids that differ in case alone are refused (`preset-csv.ts`).
 */
export function handleOf(shot: string): string {
  const lower = shot.toLowerCase();
  const readable = lower.replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-+|-+$/g, '');
  if (readable === lower) return readable;
  const hash = createHash('sha256').update(shot).digest('hex').slice(0, 8);
  return readable === '' ? hash : `${readable}-${hash}`;
}

function plain(name: string): string {
  return name
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]/gu, '');
}

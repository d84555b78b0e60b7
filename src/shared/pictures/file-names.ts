import { objectKeys } from '../store/keys.ts';
import { RENDITION_FILES } from './formats.ts';
import type { Rendition } from './rendition.ts';
import { safeName, safeValue } from './safe-name.ts';
import { compileTemplate } from './template.ts';

/** File names by a person's template, such as `{{sku}}-{{rendition}}.{{ext}}`. Pure: plan and worker come to the same. */
export interface NameTemplate {
  /** Its names tell contents apart, so that under one name there are never other bytes. */
  readonly hashed: boolean;
  /** The names of one row's files, before or after these exist. */
  ofRow(row: NamedRow): (file: NamedFile) => Named;
}

export interface NamedRow {
  /** The shot's id. */
  readonly shot: string;
  readonly columns: Readonly<Record<string, string>>;
}

export interface NamedFile {
  /** The variant's number. */
  readonly index: number;
  readonly rendition: Pick<Rendition, 'name' | 'format' | 'width' | 'height'>;
  /** Of its bytes, in hex; undefined while these do not exist. */
  readonly sha256: string | undefined;
}

export type Named =
  | { readonly ok: true; readonly name: string }
  | { readonly ok: false; readonly fault: string };

/** What a name may hold besides the columns of the list; each wins over a column that is called so. */
const NAME_WORDS = ['id', 'index', 'rendition', 'ext', 'width', 'height', 'hash'] as const;

const HASH_DIGITS = 16;
const ENDING = /\.\{\{\s*ext\s*\}\}$/;

/** What a fault says of templates in general is said here, before any row is read. */
export function compileNames(text: string): NameTemplate | { readonly fault: string } {
  const template = compileTemplate(text);
  if ('fault' in template) return template;
  const unclosed = template.names.find((name) => name.includes('{{'));
  if (unclosed !== undefined)
    return { fault: `"{{${unclosed}}}" holds a "{{" of its own; close the first one with "}}"` };
  if (!ENDING.test(text.trimEnd())) {
    return { fault: 'it must end in .{{ext}}, so that the ending says what is in the file' };
  }
  const named = new Set(template.names);
  return {
    hashed: named.has('hash'),
    ofRow({ shot, columns }) {
      // Made safe before they are filled in: a "/" in a value makes no folder.
      // From entries: a column called __proto__ is a column.
      const safe = Object.fromEntries(
        Object.entries(columns).map(([name, value]) => [name, named.has(name) ? safeValue(value) : value]),
      );
      const id = safeValue(shot);
      // One for all files of the row: a million rows have four million.
      const words: Record<string, string> = { ...safe, id };
      return ({ index, rendition, sha256 }) => {
        const { extension } = RENDITION_FILES[rendition.format];
        Object.assign(words, {
          index: String(index),
          rendition: rendition.name,
          ext: extension,
          width: String(rendition.width ?? ''),
          height: String(rendition.height ?? ''),
          hash: (sha256 ?? '').slice(0, HASH_DIGITS).padEnd(HASH_DIGITS, '0'),
        } satisfies Record<Exclude<(typeof NAME_WORDS)[number], 'id'>, string>);
        const filled = template.render(words, MAX_FILLED);
        if (!filled.ok) return filled;
        const made = safeName(filled.text, `.${extension}`);
        return made.ok && isManifest(made.name)
          ? { ok: false, fault: `"${made.name}" begins with the name of the batch's manifest` }
          : made;
      };
    },
  };
}

/** Of a name before it is made safe, which refuses far shorter ones. */
const MAX_FILLED = 10_000;

/** Case does not tell names apart: disks and CDNs differ in it. */
export function comparable(name: string): string {
  return name.toLowerCase();
}

/** The default: told apart by id, number and rendition, whatever these are. */
export function defaultName(batchless: NamedRow['shot'], { index, rendition }: NamedFile): string {
  const { extension } = RENDITION_FILES[rendition.format];
  const key = objectKeys.rendition('b', batchless, index, rendition.name, extension);
  return key.slice('b/'.length);
}

/**
 * For a person who writes the size into names: which files may be smaller than the number that these then hold. A name
 * stands before its file does, so it holds the recipe's number. undefined where every number is true.
 */
export function sizeWordsNote(
  text: string,
  renditions: readonly Pick<Rendition, 'name' | 'width' | 'height' | 'fit'>[],
): string | undefined {
  const template = compileTemplate(text);
  const words = 'fault' in template ? [] : template.names;
  const sizes = (['width', 'height'] as const).filter((word) => words.includes(word));
  // `contain` alone fills up what is missing.
  const smaller = renditions.filter(
    (one) => one.fit !== 'contain' && sizes.some((size) => one[size] !== undefined),
  );
  if (smaller.length === 0) return undefined;
  const [first] = smaller;
  const others = smaller.length === 1 ? '' : ` (and ${smaller.length - 1} more)`;
  return `${sizes.map((word) => `{{${word}}}`).join(' and ')} in the names is the size that the recipe asks for; a file of the rendition ${first?.name}${others} may be smaller, where the picture has another shape or fewer pixels, and its own size stands in the manifest.`;
}

function isManifest(name: string): boolean {
  return /^manifest\.(jsonl|csv)(\/|$)/i.test(name);
}

/**
 * Why a template cannot name the files of these renditions, whatever the row: undefined where it can. Rows are judged
 * by `createNameJudge`, by what their columns hold.
 */
export function namesFault(text: string, renditions: readonly NamedFile['rendition'][]): string | undefined {
  const template = compileNames(text);
  if ('fault' in template) return template.fault;
  if (template.hashed) return undefined;
  const parsed = compileTemplate(text);
  const columns = 'fault' in parsed ? {} : Object.fromEntries(parsed.names.map((name) => [name, 'x']));
  const nameOf = template.ofRow({ shot: 'x', columns });
  const seen = new Map<string, string>();
  for (const rendition of renditions) {
    const named = nameOf({ index: 0, rendition, sha256: undefined });
    if (!named.ok) return named.fault;
    const other = seen.get(comparable(named.name));
    if (other !== undefined) {
      return `it does not tell the renditions ${other} and ${rendition.name} apart; add {{rendition}}`;
    }
    seen.set(comparable(named.name), rendition.name);
  }
  return undefined;
}

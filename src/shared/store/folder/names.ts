import { createHash } from 'node:crypto';

/**
 * How segments of object keys become file names: injective also on a disk that ignores case and changes Unicode
 * forms, and still readable.
 *
 * - `a-z 0-9 . _ - ~` stay as they are; so do capitals, and `=` with a mask of where they stand follows the name
 *   (`TEE-001` is `TEE-001=7`), so that the name in lower case alone says which text it is.
 * - Every other byte is `%` and two hex digits; so is what a file system treats in its own way: a leading or trailing
 *   dot, the start of a device name (`nul`), the `~1` of a short name.
 * - A key can be an object and the "folder" of others at once (`a` and `a/b`), a name on a disk cannot: what has an
 *   ending such as `.png` is a file, anything else a folder, and the exceptions say so (`a=file`, `tee=dir.png`).
 * - Marks stand before the ending, so that a double click opens the right program.
 * - A name too long for a disk becomes its start, `=long=`, and a hash; the text is kept beside the objects.
 */
export type NameKind = 'file' | 'dir';

export type DecodedName =
  | { readonly kind: NameKind; readonly segment: string }
  | { readonly kind: NameKind; readonly longHash: string };

/** Bytes; disks allow 255. Encoded names are ASCII, so that characters are bytes. */
const MAX_NAME = 240;
const ENDING = /\.[a-z]{2,5}$/i;
const DEVICE = /^(con|prn|aux|nul|com\d|lpt\d)(?=\.|$)/i;
const MARKED = /^([^=]*)((?:=[a-z0-9]+)+)(\.[a-z]{2,5})?$/i;

export function fileNameOf(segment: string, kind: NameKind): string {
  const base = encodeBytes(segment);
  const ending = ENDING.exec(base)?.[0] ?? '';
  const unusual = (ending === '') === (kind === 'file');
  const marks = [caseMask(base), unusual ? kind : ''].filter((mark) => mark !== '');
  const stem = base.slice(0, base.length - ending.length);
  const name = `${stem}${marks.map((mark) => `=${mark}`).join('')}${ending}`;
  return name.length <= MAX_NAME ? name : longName(segment, kind, stem, ending);
}

/** undefined where no segment has that name: a file that a person or the system put there. */
export function decodeName(name: string): DecodedName | undefined {
  const match = MARKED.exec(name);
  const marks = (match?.[2] ?? '').split('=').slice(1);
  const ending = match?.[3] ?? ENDING.exec(name)?.[0] ?? '';
  const kind = marks.at(-1) === 'file' ? 'file' : marks.at(-1) === 'dir' ? 'dir' : kindOf(ending);
  if (marks[0] === 'long' && marks[1] !== undefined) return { kind, longHash: marks[1] };

  const base = match === null ? name : `${match[1] ?? ''}${match[3] ?? ''}`;
  const mask = marks.find((mark) => mark !== 'file' && mark !== 'dir') ?? '';
  const segment = decodeBytes(applyMask(base.toLowerCase(), mask));
  if (segment === undefined || segment === '' || segment === '.' || segment === '..') return undefined;
  // Anything that this module would write differently is not one of its names.
  return fileNameOf(segment, kind).toLowerCase() === name.toLowerCase() ? { kind, segment } : undefined;
}

/** The hash in the name of a segment that is too long for a disk; undefined for all others. */
export function longHashOf(segment: string, kind: NameKind): string | undefined {
  const decoded = decodeName(fileNameOf(segment, kind));
  return decoded !== undefined && 'longHash' in decoded ? decoded.longHash : undefined;
}

function longName(segment: string, kind: NameKind, stem: string, ending: string): string {
  const hash = createHash('sha256').update(segment).digest('hex').slice(0, 40);
  // Lower case, and no half of a `%xx`: this part is only for the eye.
  const start = stem.toLowerCase().slice(0, 120).replace(/%.?$/, '');
  return `${start}=long=${hash}${kind === kindOf(ending) ? '' : `=${kind}`}${ending.toLowerCase()}`;
}

function kindOf(ending: string): NameKind {
  return ending === '' ? 'dir' : 'file';
}

function encodeBytes(segment: string): string {
  return [...Buffer.from(segment)]
    .map((byte) =>
      /[A-Za-z0-9._~-]/.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : hex(byte),
    )
    .join('')
    .replace(/^\.|\.$/g, hex(0x2e))
    .replace(/~(?=\d{1,6}(\.|$))/g, hex(0x7e))
    .replace(DEVICE, (device) => `${hex(device.charCodeAt(0))}${device.slice(1)}`);
}

function decodeBytes(text: string): string | undefined {
  try {
    // Refuses what is not UTF-8 and a `%` without two digits.
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function hex(byte: number): string {
  return `%${byte.toString(16).padStart(2, '0')}`;
}

/** One hex digit for every four characters, the first character in the lowest bit; without trailing zeros. */
function caseMask(text: string): string {
  let mask = '';
  for (let at = 0; at < text.length; at += 4) {
    let digit = 0;
    for (let bit = 0; bit < 4; bit += 1) if (/[A-Z]/.test(text.charAt(at + bit))) digit |= 1 << bit;
    mask += digit.toString(16);
  }
  return mask.replace(/0+$/, '');
}

function applyMask(text: string, mask: string): string {
  return [...text]
    .map((character, at) =>
      ((Number.parseInt(mask.charAt(at >> 2) || '0', 16) >> (at & 3)) & 1) === 1
        ? character.toUpperCase()
        : character,
    )
    .join('');
}

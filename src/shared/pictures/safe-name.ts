import { encodeSegment, isDeviceName } from '../store/keys.ts';

/**
 * Readable names for files out of a person's words: ASCII letters, digits, `.`, `_` and `-`, so that every disk, CDN
 * and address takes them as they are. Capitals stay; who compares names must ignore case, as many disks do.
 */

/** Of one value: a title is cut, and does not eat the name. */
const MAX_VALUE = 80;
const MAX_SEGMENT = 150;
const MAX_NAME = 500;

const SAFE = /^(?:[A-Za-z0-9._/]|-(?!-))*$/;

/** Letters that have no accent to take off. */
const LETTERS: Readonly<Record<string, string>> = {
  ß: 'ss',
  æ: 'ae',
  Æ: 'AE',
  œ: 'oe',
  Œ: 'OE',
  ø: 'o',
  Ø: 'O',
  đ: 'd',
  Đ: 'D',
  ð: 'd',
  Ð: 'D',
  ł: 'l',
  Ł: 'L',
  þ: 'th',
  Þ: 'Th',
  ı: 'i',
};

/**
 * A value as a part of a name: without `/`, marks taken off, all else that is not safe one `-`. A text of which nothing
 * would be left (`茶碗`) becomes the hash that `encodeSegment` gives it; the empty text stays empty.
 */
export function safeValue(text: string): string {
  // Behind the change of form, which makes a "/" of its wide sister.
  const readable = safeCharacters(text)
    .replace(/\/+/g, '-')
    .replace(/-{2,}/g, '-')
    .replace(/^[-.]+/, '');
  const cut = readable.slice(0, MAX_VALUE).replace(/[-.]+$/, '');
  return cut !== '' || text.trim() === '' ? cut : hashOf(text.trim());
}

export type SafeName =
  | { readonly ok: true; readonly name: string }
  | { readonly ok: false; readonly fault: string };

/**
 * A whole name, folders included. Never an absolute path, `..`, a hidden file or a device name of Windows. `ending`
 * (with its dot) is what the name must end in.
 */
export function safeName(text: string, ending: string): SafeName {
  const segments = safeCharacters(text).split('/').map(safeSegment);
  const name = segments.join('/');
  if (segments.includes('') || !name.endsWith(ending)) {
    return { ok: false, fault: `"${name}" lacks the name of a file or folder` };
  }
  const longest = Math.max(...segments.map((segment) => segment.length));
  if (longest > MAX_SEGMENT || name.length > MAX_NAME) {
    return {
      ok: false,
      fault: `"${name.slice(0, 40)}…" is too long; a file or folder may have ${MAX_SEGMENT} characters, and the whole name ${MAX_NAME}`,
    };
  }
  return { ok: true, name };
}

function safeSegment(text: string): string {
  const segment = text
    .replace(/-+(?=\.|$)/g, '')
    .replace(/\.{2,}/g, '.')
    .replace(/^[-.]+|\.+$/g, '');
  return isDeviceName(segment) ? `_${segment}` : segment;
}

/** `/` stays. */
function safeCharacters(text: string): string {
  // Most are, and a million rows have four million names.
  if (SAFE.test(text)) return text;
  return text
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .replace(/\P{ASCII}/gu, (letter) => LETTERS[letter] ?? '-')
    .replace(/[^A-Za-z0-9._/-]+/g, '-')
    .replace(/-{2,}/g, '-');
}

function hashOf(text: string): string {
  const encoded = encodeSegment(text.normalize('NFC'));
  return encoded.slice(encoded.indexOf('~') + 1);
}

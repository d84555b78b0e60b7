/** `1 shot`, `1,200 shots`. */
export function count(n: number, noun: string): string {
  return `${n.toLocaleString('en')} ${noun}${n === 1 ? '' : 's'}`;
}

/** The characters (code points) of a text, counted without a copy of it. */
export function charactersOf(text: string): number {
  let pairs = 0;
  for (let at = 0; at < text.length; at += 1) {
    if ((text.codePointAt(at) ?? 0) <= 0xffff) continue;
    pairs += 1;
    at += 1;
  }
  return text.length - pairs;
}

const SHOWN_CHARACTERS = 40;
/** Of one sentence, so that a message of 20 of them stays below `MESSAGE_CHARACTERS`. */
export const SENTENCE_CHARACTERS = 500;
/** Of a whole message: text from outside never makes a longer one. */
export const MESSAGE_CHARACTERS = 4_096;

/** A value or a name from outside as a message shows it: quoted, and at most 40 characters of it. */
export function shown(value: string): string {
  const characters = [...value.slice(0, 100)];
  return JSON.stringify(
    characters.length <= SHOWN_CHARACTERS ? value : `${characters.slice(0, SHOWN_CHARACTERS).join('')}…`,
  );
}

/** The names of a list's columns, as a message shows them: the first 20. */
export function shownNames(names: readonly string[]): string {
  const first = names.slice(0, 20).map((name) => shown(name).slice(1, -1));
  return `${first.join(', ')}${names.length > 20 ? ', …' : ''}`;
}

/** The text, or its beginning and `…` where it is longer. */
export function shortened(text: string, maxCharacters: number): string {
  return text.length <= maxCharacters ? text : `${text.slice(0, maxCharacters - 1)}…`;
}

/** Stands for each character that a terminal would obey or hide. */
const REPLACEMENT = '\ufffd';
/** Controls but the line feed and the tab, U+2028, U+2029, and the controls of direction (Unicode's Bidi_Control). */
const UNPRINTABLE = /(?![\n\t])[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;
const IS_UNPRINTABLE = new RegExp(UNPRINTABLE.source, 'u');

/** Text from outside as a terminal may show it: lines stay lines, and no character moves the cursor or turns the text. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, REPLACEMENT);
}

/** A line of JSON whose strings are printable also after they are parsed. */
export function printableJson(line: string): string {
  const escapes = line.replace(/\\(?:u[0-9a-f]{4}|.)/gi, (written) =>
    IS_UNPRINTABLE.test(String(JSON.parse(`"${written}"`))) ? REPLACEMENT : written,
  );
  return printable(escapes);
}

/** JSON with the same meaning, in which every such character is an escape. */
export function escapedJson(json: string): string {
  return json.replace(UNPRINTABLE, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Whether a text has no line break, no tab and no character that `printable` replaces. */
export function isOneLine(text: string): boolean {
  return !/[\n\t]/.test(text) && !IS_UNPRINTABLE.test(text);
}

export function duration(seconds: number): string {
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3_600).toFixed(1)} h`;
}

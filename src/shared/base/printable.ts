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

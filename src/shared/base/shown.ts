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

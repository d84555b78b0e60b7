/** One line of JSON Lines. Readers split at these two characters as well, though JSON leaves them bare. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
}

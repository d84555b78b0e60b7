/**
 * Metadata travels in HTTP headers: printable ASCII, white space at the ends lost, runs of it folded by some. So what
 * is not a visible ASCII character is percent-encoded in UTF-8 on the way out, as is `%` itself.
 */
export function encodeMetadata(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return mapValues(metadata, (value) => value.replace(/[^\x21-\x24\x26-\x7e]+/g, encodeURIComponent));
}

export function decodeMetadata(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return mapValues(metadata, (value) => {
    try {
      return decodeURIComponent(value);
    } catch {
      // Not written by us: as it is.
      return value;
    }
  });
}

function mapValues(
  record: Readonly<Record<string, string>>,
  change: (value: string) => string,
): Record<string, string> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
}

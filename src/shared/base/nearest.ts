/** The work grows with the product of both lengths, and nobody types longer names. */
const MAX_CHARACTERS = 64;
/** Of names from outside. */
const MAX_CANDIDATES = 200;

/**
 * The candidate that a mistyped word most likely meant, or undefined where none is near: fewer than half of the
 * letters may differ. Case is ignored. Words of more than 64 characters are near to none, and only the first
 * `maxCandidates` are looked at.
 */
export function nearest(
  word: string,
  candidates: Iterable<string>,
  maxCandidates = MAX_CANDIDATES,
): string | undefined {
  if (word.length > MAX_CHARACTERS) return undefined;
  let looked = 0;
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    looked += 1;
    if (looked > maxCandidates) break;
    if (candidate.length > MAX_CHARACTERS) continue;
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance && distance * 2 < Math.max(word.length, candidate.length)) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Levenshtein's distance, one row of the table at a time. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const current = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substitute = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(substitute, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}

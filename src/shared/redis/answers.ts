import { MalformedError, UnavailableError } from '../base/errors.ts';

/**
 * What Redis answered, believed only in the shape that the command promises. "None", "zero" and "no" are read from an
 * answer that says so, never from one that is missing or of another kind: a proxy, a server that is not Redis, a script
 * that was cut off. `what`: names the command or field in the sentence of the error.
 */

/** The answers of a pipeline or a transaction, in order. Rejects with the first error among them, or if there is none. */
export async function answersOf(
  executed: Promise<[error: Error | null, answer: unknown][] | null>,
): Promise<unknown[]> {
  const answers = await executed;
  if (answers === null) {
    throw new UnavailableError('redis', 'Redis dropped a transaction without running it; run this again.');
  }
  return answers.map(([error, answer]) => {
    if (error !== null) throw error;
    return answer;
  });
}

/** A yes or no, as 1 or 0. Throws a `MalformedError` otherwise. */
export function flagOf(what: string, answer: unknown): boolean {
  if (answer !== 0 && answer !== 1) throw unpromised(what, answer);
  return answer === 1;
}

/** A whole number, as a number or its digits. Throws a `MalformedError` otherwise. */
export function integerOf(what: string, answer: unknown): number {
  const number = typeof answer === 'string' && /^-?\d+$/.test(answer) ? Number(answer) : answer;
  if (typeof number !== 'number' || !Number.isSafeInteger(number)) throw unpromised(what, answer);
  return number;
}

/** A counter in a hash. One that nobody has raised yet has no field: that is 0. Throws a `MalformedError` otherwise. */
export function countOf(what: string, field: string | null | undefined): number {
  return field === undefined || field === null ? 0 : integerOf(what, field);
}

function unpromised(what: string, answer: unknown): MalformedError {
  const text = String(JSON.stringify(answer)).slice(0, 100);
  return new MalformedError(`Redis answered ${what} with ${text}, which it never promises.`);
}

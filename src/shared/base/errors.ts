import { ZodError } from 'zod';

/**
 * The errors that cross module borders. Few classes; each carries a stable `code` that callers, tests and the
 * JSON output may rely on, and a message that says what was tried, what came back and what the person can do.
 */

/** Something the person can mend: usage, configuration, an unreachable service. The CLI prints the message alone. */
export class UserError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'UserError';
    this.code = code;
  }
}

/** An outside service (Redis, S3, fal) is away or overloaded: nothing is lost, the same step may be tried again. */
export class UnavailableError extends Error {
  readonly service: 'redis' | 's3' | 'fal';

  constructor(service: UnavailableError['service'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'UnavailableError';
    this.service = service;
  }
}

/** What comes from outside does not have the shape it must have (a record, a plan, an answer of fal). */
export class MalformedError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'MalformedError';
  }
}

/** The text of anything that was thrown; never a stack. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/**
 * The error codes of the chain of causes (`ECONNREFUSED`, `AbortError`, …), outermost first. `instanceof` is not
 * enough for Node's own errors: inside jest they come from another realm.
 */
export function errorCodes(thrown: unknown): string[] {
  const codes: string[] = [];
  for (let at = thrown, depth = 0; typeof at === 'object' && at !== null && depth < 10; depth += 1) {
    const error = at as { code?: unknown; name?: unknown; cause?: unknown };
    if (typeof error.code === 'string') codes.push(error.code);
    if (typeof error.name === 'string') codes.push(error.name);
    at = error.cause;
  }
  return codes;
}

/**
 * Whether one object or record is not what it must be: then it is reported and left, and the others go on. Not so for a
 * service that is away or refuses: that concerns all of them.
 */
export function isOdd(error: unknown): error is Error {
  if (error instanceof MalformedError || error instanceof ZodError || error instanceof SyntaxError)
    return true;
  // A key of another type; a field of another kind that a script could not count with.
  return (
    error instanceof Error && error.name === 'ReplyError' && /\bWRONGTYPE\b|user_script/.test(error.message)
  );
}

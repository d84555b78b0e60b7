import { ZodError } from 'zod';
import { MalformedError } from './errors.ts';

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

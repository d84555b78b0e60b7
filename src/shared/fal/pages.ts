import { z } from 'zod';
import { MalformedError } from '../base/errors.ts';

const page = z.looseObject({ next_cursor: z.string().nullish(), has_more: z.boolean().nullish() });

/** An id becomes a part of paths and of names in the store, so it holds nothing else. */
export const falRequestId = z.string().regex(/^[A-Za-z0-9_-]{1,128}$/, "it is no request id of fal's");

/** A time of fal's, as ISO 8601. */
export const falTime = z.string().refine((text) => !Number.isNaN(Date.parse(text)), 'no time');

/**
 * Where a list of fal's platform API goes on, asked of each page in turn; undefined at its end. Half a list is no list:
 * "it is not in there" means that nothing was charged, or that a request was never sent. fal documents `has_more` and
 * `next_cursor`, so one of them must say that the list is whole. Throws a `MalformedError` otherwise.
 *
 * `what`: the list, for people, such as `fal's bill`.
 */
export function createPages(what: string): (answer: unknown) => string | undefined {
  const seen = new Set<string>();
  return (answer) => {
    const parsed = page.safeParse(answer);
    if (!parsed.success) throw new MalformedError(`${what} does not have the shape that fal documents.`);
    const { next_cursor: next, has_more: more } = parsed.data;
    if (more === false) return undefined;
    if (more !== true && next === null) return undefined;
    if (more !== true && next === undefined)
      throw new MalformedError(`${what} does not say whether it is whole.`);
    if (next === null || next === undefined || next === '')
      throw new MalformedError(`${what} says that it goes on, but not where.`);
    if (seen.has(next)) throw new MalformedError(`${what} goes on where it was before.`);
    seen.add(next);
    return next;
  };
}

import type { z } from 'zod';
import { MalformedError, UnavailableError } from '../base/errors.ts';
import { optional } from '../base/time.ts';
import type { ObjectStore } from './object-store.ts';

/** JSON documents in the store: written once, and parsed again when they are read. */

/** undefined where there is none. Rejects with a `MalformedError` where it is damaged. */
export async function readJson<T>(
  store: Pick<ObjectStore, 'get'>,
  key: string,
  schema: z.ZodType<T>,
  signal?: AbortSignal,
): Promise<T | undefined> {
  const object = await store.get(key, signal);
  if (object === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(object.body.toString('utf8')));
  } catch (cause) {
    throw damaged(key, cause);
  }
}

/** `readJson` of what a listing shows. Rejects with an `UnavailableError` if the store then says that it is not there. */
export async function readListedJson<T>(
  store: Pick<ObjectStore, 'get'>,
  key: string,
  schema: z.ZodType<T>,
  signal?: AbortSignal,
): Promise<T> {
  const found = await readJson(store, key, schema, signal);
  if (found === undefined) throw contradicted(key, 'listed');
  return found;
}

/** Resolves to whether it was written: false where something stands there. */
export async function putJsonOnce(
  store: Pick<ObjectStore, 'putOnce'>,
  key: string,
  value: unknown,
  signal?: AbortSignal,
): Promise<boolean> {
  const body = Buffer.from(JSON.stringify(value));
  const options = { contentType: 'application/json', ...optional(signal) };
  return (await store.putOnce(key, body, options)) === 'created';
}

/**
 * What stands under the key after a create-once write: `value` if this call wrote it, else what was there. Rejects with
 * an `UnavailableError` if the store refuses to write it twice and then does not have it: `value` is on no record then,
 * and whoever went on with it would be the second to decide.
 */
export async function putOrReadJson<T>(
  store: Pick<ObjectStore, 'get' | 'putOnce'>,
  key: string,
  { value, schema }: { readonly value: T; readonly schema: z.ZodType<T> },
  signal?: AbortSignal,
): Promise<{ readonly wrote: boolean; readonly value: T }> {
  if (await putJsonOnce(store, key, value, signal)) return { wrote: true, value };
  const standing = await readJson(store, key, schema, signal);
  if (standing === undefined) throw contradicted(key, 'not overwritten');
  return { wrote: false, value: standing };
}

/** A store that says "not there" and, in the same moment, the opposite. */
export function contradicted(key: string, proof: keyof typeof PROOFS): UnavailableError {
  return new UnavailableError(
    's3',
    `The store says that ${key} is not there, but ${PROOFS[proof]}; look for a cache or a second copy behind S3_ENDPOINT, then run this again.`,
  );
}

const PROOFS = {
  listed: 'it lists it',
  'not overwritten': 'it refused to write it a second time',
  'built upon': 'it holds what is written only after it',
} as const;

function damaged(key: string, cause: unknown): MalformedError {
  return new MalformedError(`${key} in the store is damaged; restore it from a backup.`, { cause });
}

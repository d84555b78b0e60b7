import type { z } from 'zod';
import { MalformedError } from './errors.ts';
import type { ObjectStore } from './object-store.ts';
import { optional } from './time.ts';

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

/** `readJson` of what was listed: one that is gone by then is damaged, too. */
export async function readListedJson<T>(
  store: Pick<ObjectStore, 'get'>,
  key: string,
  schema: z.ZodType<T>,
  signal?: AbortSignal,
): Promise<T> {
  const found = await readJson(store, key, schema, signal);
  if (found === undefined) throw damaged(key);
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

function damaged(key: string, cause?: unknown): MalformedError {
  return new MalformedError(`${key} in the store is damaged; restore it from a backup.`, { cause });
}

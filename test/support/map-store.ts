import { readFile } from 'node:fs/promises';
import type { ListedObject, ObjectStore } from '../../src/shared/store/object-store.ts';

/** A store in memory, for the many little stores that a property needs; the real ones have a suite of their own. */
export function mapStore(): ObjectStore & { readonly keys: () => string[] } {
  const objects = new Map<string, { body: Buffer; contentType: string }>();
  let clock = 0;
  const written = new Map<string, number>();
  return {
    location: 'memory',
    keys: () => [...objects.keys()],
    async put(key, body, { contentType }) {
      objects.set(key, { body: Buffer.from(body), contentType });
      clock += 1;
      written.set(key, clock);
    },
    async putFile(key, file, options) {
      await this.put(key, await readFile(file), options);
    },
    async putOnce(key, body, options) {
      if (objects.has(key)) return 'exists';
      await this.put(key, body, options);
      return 'created';
    },
    async get(key) {
      const found = objects.get(key);
      return found === undefined ? undefined : { ...found, metadata: {} };
    },
    async *list(prefix, { after } = {}): AsyncGenerator<ListedObject> {
      const keys = [...objects.keys()].filter((key) => key.startsWith(prefix)).sort();
      for (const key of keys) {
        if (after !== undefined && key <= after) continue;
        yield { key, sizeBytes: objects.get(key)?.body.length ?? 0, lastModifiedMs: written.get(key) ?? 0 };
      }
    },
    urlOf: (key) => key,
    async presign(key) {
      return key;
    },
    async check() {},
    async [Symbol.asyncDispose]() {},
  };
}

import type { ObjectStore } from './object-store.ts';

/**
 * A store that the first call opens and checks, for commands that mostly need Redis alone: the AWS SDK takes an eighth of a
 * second to load. Until then it has no addresses: `urlOf` throws.
 */
export function storeWhenAsked(location: string, open: () => Promise<ObjectStore>): ObjectStore {
  let asked: Promise<ObjectStore> | undefined;
  let opened: ObjectStore | undefined;

  async function openChecked(): Promise<ObjectStore> {
    const store = await open();
    try {
      await store.check();
    } catch (error) {
      await store[Symbol.asyncDispose]();
      throw error;
    }
    opened = store;
    return store;
  }

  /** A store that could not be opened is opened again by the next call. */
  function store(): Promise<ObjectStore> {
    asked ??= openChecked().catch((error: unknown) => {
      asked = undefined;
      throw error;
    });
    return asked;
  }

  return {
    location,
    put: async (...given) => await (await store()).put(...given),
    putFile: async (...given) => await (await store()).putFile(...given),
    putOnce: async (...given) => await (await store()).putOnce(...given),
    get: async (...given) => await (await store()).get(...given),
    async *list(...given) {
      yield* (await store()).list(...given);
    },
    urlOf(key) {
      if (opened === undefined) throw new Error('the store was asked for nothing yet');
      return opened.urlOf(key);
    },
    presign: async (...given) => await (await store()).presign(...given),
    check: async (signal) => await (await store()).check(signal),
    async [Symbol.asyncDispose]() {
      await asked?.catch(() => undefined);
      await opened?.[Symbol.asyncDispose]();
    },
  };
}

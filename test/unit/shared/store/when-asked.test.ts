import { describe, expect, it } from '@jest/globals';
import { openFolderStore } from '../../../../src/shared/store/folder/store.ts';
import type { ObjectStore } from '../../../../src/shared/store/object-store.ts';
import { storeWhenAsked } from '../../../../src/shared/store/when-asked.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

const TEXT = { contentType: 'text/plain' };

describe('a store that is opened when it is asked', () => {
  it('is opened and checked once, by the first call', async () => {
    await using folder = await tempFolder();
    const calls: string[] = [];
    await using store = storeWhenAsked('here', async () => {
      calls.push('open');
      return counted(await openFolderStore({ folder: folder.path }), calls);
    });
    expect(store.location).toBe('here');
    expect(() => store.urlOf('a')).toThrow('asked for nothing');
    expect(calls).toEqual([]);
    await Promise.all([store.put('a', Buffer.from('x'), TEXT), store.get('b')]);
    expect(calls).toEqual(['open', 'check']);
    expect((await store.get('a'))?.body.toString()).toBe('x');
    expect(store.urlOf('a')).toContain(folder.path);
    const keys: string[] = [];
    for await (const { key } of store.list('')) keys.push(key);
    expect(keys).toEqual(['a']);
  });

  it('closes what it opened, and nothing where it was asked for nothing', async () => {
    await using folder = await tempFolder();
    const calls: string[] = [];
    const open = async () => counted(await openFolderStore({ folder: folder.path }), calls);
    await storeWhenAsked('here', open)[Symbol.asyncDispose]();
    expect(calls).toEqual([]);
    const store = storeWhenAsked('here', open);
    await store.get('a');
    await store[Symbol.asyncDispose]();
    expect(calls).toEqual(['check', 'close']);
  });

  it('rejects with what the check says, and is opened again by the next call', async () => {
    await using folder = await tempFolder();
    const calls: string[] = [];
    let isAway = true;
    await using store = storeWhenAsked('here', async () =>
      counted(await openFolderStore({ folder: folder.path }), calls, () => {
        if (isAway) throw new Error('the store is away');
      }),
    );
    await expect(store.get('a')).rejects.toThrow('the store is away');
    isAway = false;
    expect(await store.get('a')).toBeUndefined();
    expect(calls).toEqual(['check', 'close', 'check']);
  });
});

function counted(store: ObjectStore, calls: string[], checked: () => void = () => undefined): ObjectStore {
  return {
    ...store,
    async check(signal) {
      calls.push('check');
      checked();
      await store.check(signal);
    },
    async [Symbol.asyncDispose]() {
      calls.push('close');
      await store[Symbol.asyncDispose]();
    },
  };
}

import { createHash, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { assertCreateOnce } from '../../src/shared/store/create-once.ts';
import { assertListsAll } from '../../src/shared/store/listing-probe.ts';
import type { ListOptions, ObjectStore } from '../../src/shared/store/object-store.ts';
import { tempFolder } from './temp-folder.ts';

/** An empty store of the test's own, gone after it. */
export interface OpenedStore extends AsyncDisposable {
  readonly store: ObjectStore;
  /** A second client of the same place, as another worker would have. */
  readonly another: () => Promise<ObjectStore>;
  /** A store whose bucket or folder is not there. */
  readonly missing: () => Promise<ObjectStore>;
}

const text = { contentType: 'text/plain' } as const;

/** What every object store promises; the names of its tests are the interface's documentation. */
export function storeContract(name: string, open: () => Promise<OpenedStore>): void {
  describe(`the object store contract: ${name}`, () => {
    it('gives back the bytes, the type and the metadata', async () => {
      await using opened = await open();
      const body = randomBytes(300_000);
      const metadata = { 'file-name': 'a  b~1.png', note: 'Größe 100%, "rot"', plain: 'x', none: '' };
      await opened.store.put('originals/x/0.png', body, { contentType: 'image/png', metadata });
      const got = await (await opened.another()).get('originals/x/0.png');
      expect(hash(got?.body ?? Buffer.alloc(0))).toBe(hash(body));
      expect(got).toMatchObject({ contentType: 'image/png', metadata });
    });

    it('keeps a type that the ending of the key does not say', async () => {
      await using opened = await open();
      await opened.store.putOnce('a.png', Buffer.from('RIFF'), { contentType: 'image/webp' });
      await opened.store.putOnce('b', Buffer.from('RIFF'), { contentType: 'application/json' });
      expect(await opened.store.get('a.png')).toMatchObject({ contentType: 'image/webp', metadata: {} });
      expect(await opened.store.get('b')).toMatchObject({ contentType: 'application/json', metadata: {} });
    });

    it('stores an object of no bytes', async () => {
      await using opened = await open();
      await opened.store.put('empty', Buffer.alloc(0), text);
      expect((await opened.store.get('empty'))?.body).toHaveLength(0);
      expect(await keysOf(opened.store, '')).toEqual(['empty']);
    });

    it('answers undefined for a key that is not there', async () => {
      await using opened = await open();
      await opened.store.put('a/b.txt', Buffer.from('x'), text);
      for (const key of ['a', 'a/b', 'a/b.txt/c', 'nothing/here']) {
        expect(await opened.store.get(key)).toBeUndefined();
      }
    });

    it('overwrites with put: bytes, type and metadata', async () => {
      await using opened = await open();
      await opened.store.put('k.json', Buffer.from('1'), { ...text, metadata: { a: '1' } });
      await opened.store.put('k.json', Buffer.from('2'), { contentType: 'application/json' });
      const second = await opened.store.get('k.json');
      expect(second).toEqual({ body: Buffer.from('2'), contentType: 'application/json', metadata: {} });
      await opened.store.put('k.json', Buffer.from('2'), { ...text, metadata: { b: '2' } });
      const third = await opened.store.get('k.json');
      expect(third).toEqual({ body: Buffer.from('2'), contentType: 'text/plain', metadata: { b: '2' } });
    });

    it.each([
      ['of no bytes', 0],
      ['small enough for one piece', 300_001],
      ['that goes in several pieces', 12_000_000],
    ])('stores a file %s, over what was there', async (_, sizeBytes) => {
      await using opened = await open();
      await using folder = await tempFolder();
      const file = join(folder.path, 'manifest.jsonl');
      const body = randomBytes(sizeBytes);
      await writeFile(file, body);
      await opened.store.put('b/manifest.jsonl', Buffer.from('before'), { ...text, metadata: { a: '1' } });
      const options = { contentType: 'application/x-ndjson', metadata: { b: '2' }, cacheControl: 'no-cache' };
      await opened.store.putFile('b/manifest.jsonl', file, options);
      const got = await (await opened.another()).get('b/manifest.jsonl');
      expect(hash(got?.body ?? Buffer.alloc(0))).toBe(hash(body));
      expect(got).toMatchObject({ contentType: 'application/x-ndjson', metadata: { b: '2' } });
      expect(hash(await readFile(file))).toBe(hash(body));
    });

    it('lets exactly one of 16 racing create-once writers win, and keeps what the winner wrote', async () => {
      await using opened = await open();
      const stores = [opened.store, await opened.another()];
      for (let round = 0; round < 5; round += 1) {
        const outcomes = await Promise.all(
          Array.from({ length: 16 }, async (_, writer) => ({
            writer: String(writer),
            outcome: await stores[writer % 2]?.putOnce(`race/${round}.txt`, Buffer.from(`by ${writer}`), {
              ...text,
              metadata: { writer: String(writer) },
            }),
          })),
        );
        const winners = outcomes.filter(({ outcome }) => outcome === 'created');
        expect(winners).toHaveLength(1);
        const kept = await opened.store.get(`race/${round}.txt`);
        expect(kept?.body.toString()).toBe(`by ${winners[0]?.writer}`);
        expect(kept?.metadata).toEqual({ writer: winners[0]?.writer });
      }
    });

    it('answers exists to a create-once write over an object, and leaves it as it was', async () => {
      await using opened = await open();
      await opened.store.put('k', Buffer.from('first'), text);
      expect(await opened.store.putOnce('k', Buffer.from('second'), text)).toBe('exists');
      expect(await (await opened.another()).putOnce('k', Buffer.from('first'), text)).toBe('exists');
      expect((await opened.store.get('k'))?.body.toString()).toBe('first');
    });

    it('passes the start-up probe, again and again', async () => {
      await using opened = await open();
      await assertCreateOnce(opened.store);
      await assertCreateOnce(await opened.another());
      expect(await keysOf(opened.store, '')).toEqual(['_shotlist/probe/create-once.txt']);
    });

    it('passes the look whether a listing in several pages shows every object', async () => {
      await using opened = await open();
      await assertListsAll(opened.store);
      await assertListsAll(await opened.another());
      expect(await keysOf(opened.store, '')).toHaveLength(9);
      expect(await keysOf(opened.store, '', { pageSize: 2 })).toEqual(await keysOf(opened.store, ''));
    });

    it('lists past 1,000 keys in order, with size and time', async () => {
      await using opened = await open();
      const before = Date.now();
      const keys = Array.from({ length: 1_050 }, (_, index) => `n/${index}.json`);
      await inParallel(16, keys, async (key) => {
        await opened.store.putOnce(key, Buffer.from(key), { contentType: 'application/json' });
      });
      const listed = [];
      for await (const object of opened.store.list('n/')) listed.push(object);
      expect(listed.map(({ key }) => key)).toEqual([...keys].sort());
      for (const { key, sizeBytes, lastModifiedMs } of listed) {
        expect(sizeBytes).toBe(key.length);
        expect(Math.abs(lastModifiedMs - before)).toBeLessThan(120_000);
      }
      expect(await keysOf(opened.store, 'n/', { after: 'n/998.json' })).toEqual(['n/999.json']);
      // Half a listing must be possible.
      for await (const { key } of opened.store.list('n/', { after: 'n/5' })) {
        expect(key).toBe('n/5.json');
        break;
      }
    }, 120_000);

    it('takes a prefix by its characters, not by segments', async () => {
      await using opened = await open();
      const keys = ['a', 'a-b', 'a.txt', 'a/1', 'a/1/x', 'a/10', 'a/2', 'aa/1', 'b/1'];
      await inParallel(4, keys, (key) => opened.store.put(key, Buffer.from(key), text));
      expect(await keysOf(opened.store, '')).toEqual(keys);
      expect(await keysOf(opened.store, 'a')).toEqual(keys.slice(0, -1));
      expect(await keysOf(opened.store, 'a/')).toEqual(['a/1', 'a/1/x', 'a/10', 'a/2']);
      expect(await keysOf(opened.store, 'a/1')).toEqual(['a/1', 'a/1/x', 'a/10']);
      expect(await keysOf(opened.store, 'a/1/')).toEqual(['a/1/x']);
      expect(await keysOf(opened.store, 'c')).toEqual([]);
      expect(await keysOf(opened.store, 'a/1/x/y')).toEqual([]);
    });

    it('starts a listing behind the key named by after, whether or not it exists', async () => {
      await using opened = await open();
      const keys = ['a', 'a-b', 'a/1', 'a/2/x', 'a/2/y', 'a0', 'b'];
      await inParallel(4, keys, (key) => opened.store.put(key, Buffer.from(key), text));
      for (const after of [...keys, 'a/', 'a/2', 'a/2/', 'a/2/xx', 'a/3', 'A', 'zz']) {
        expect({ after, keys: await keysOf(opened.store, '', { after }) }).toEqual({
          after,
          keys: keys.filter((key) => key > after),
        });
      }
      expect(await keysOf(opened.store, 'a/', { after: 'a/1' })).toEqual(['a/2/x', 'a/2/y']);
      expect(await keysOf(opened.store, 'a/', { after: 'b' })).toEqual([]);
    });

    it('keeps odd keys apart and gives them back letter by letter', async () => {
      await using opened = await open();
      const keys = [
        'odd/with space',
        'odd/a+b=c&d?e#f%20g%',
        'odd/~tilde~1.png',
        'odd/UPPER.png',
        'odd/upper.png',
        'odd/Upper.png',
        'odd/caf\u00e9',
        'odd/cafe\u0301',
        'odd/日本語/🙂.png',
        'odd/\uffee',
        'odd/nul',
        'odd/con.txt',
        'odd/...',
        'odd/.hidden',
        'odd/end.',
        'odd/end ',
        'odd/\'"<>|:*',
        `odd/${'long'.repeat(70)}/${'lang'.repeat(70)}.png`,
        `odd/${'long'.repeat(70)}/${'LANG'.repeat(70)}.png`,
        'odd/a',
        'odd/a/b',
        'odd/a/b/c',
        'odd/a.png',
        'odd/a.png/b.png',
      ];
      for (const key of keys) expect(await opened.store.putOnce(key, Buffer.from(key), text)).toBe('created');
      for (const key of keys) expect((await opened.store.get(key))?.body.toString()).toBe(key);
      const sorted = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      expect(await keysOf(opened.store, 'odd/')).toEqual(sorted);
      expect(await keysOf(opened.store, '', { after: 'odd/\uffee' })).toEqual([]);
    });

    it.each([
      ['that is empty', ''],
      ['that starts with /', '/x'],
      ['that ends in /', 'x/'],
      ['with an empty segment', 'a//b'],
      ['that climbs', '../x'],
      ['that climbs from inside', 'a/../b'],
      ['with the segment .', './a'],
      ['with a backslash', 'a\\b'],
      ['with a NUL', 'a\u0000b'],
      ['with a line break', 'a\nb'],
      ['with half a character', '\ud800'],
      ['of more than 1,024 bytes', 'é'.repeat(513)],
    ])('refuses a key %s', async (_, key) => {
      await using opened = await open();
      await expect(opened.store.put(key, Buffer.from('x'), text)).rejects.toThrow(RangeError);
      await expect(opened.store.putOnce(key, Buffer.from('x'), text)).rejects.toThrow(RangeError);
      await expect(opened.store.putFile(key, import.meta.filename, text)).rejects.toThrow(RangeError);
      await expect(opened.store.get(key)).rejects.toThrow(RangeError);
      expect(() => opened.store.urlOf(key)).toThrow(RangeError);
      expect(await keysOf(opened.store, '')).toEqual([]);
    });

    it.each(['../', 'a//', '/'])('refuses the prefix %j', async (prefix) => {
      await using opened = await open();
      await expect(keysOf(opened.store, prefix)).rejects.toThrow(RangeError);
    });

    it('rejects with the reason of a signal that aborted, and writes nothing', async () => {
      await using opened = await open();
      const reason = new Error('enough');
      const signal = AbortSignal.abort(reason);
      await opened.store.put('there', Buffer.from('x'), text);
      await expect(opened.store.put('k', Buffer.from('x'), { ...text, signal })).rejects.toBe(reason);
      await expect(opened.store.putOnce('k', Buffer.from('x'), { ...text, signal })).rejects.toBe(reason);
      await expect(opened.store.putFile('k', import.meta.filename, { ...text, signal })).rejects.toBe(reason);
      await expect(opened.store.get('there', signal)).rejects.toBe(reason);
      await expect(opened.store.check(signal)).rejects.toBe(reason);
      await expect(keysOf(opened.store, '', { signal })).rejects.toBe(reason);
      expect(await keysOf(opened.store, '')).toEqual(['there']);
    });

    it('answers check where it is, and says what is wrong where it is not', async () => {
      await using opened = await open();
      await opened.store.check();
      const missing = await opened.missing();
      const fault = { name: 'UserError', code: 'store_missing' };
      await expect(missing.check()).rejects.toMatchObject(fault);
      await expect(missing.put('k', Buffer.from('x'), text)).rejects.toMatchObject(fault);
      await expect(missing.putOnce('k', Buffer.from('x'), text)).rejects.toMatchObject(fault);
      await expect(missing.putFile('k', import.meta.filename, text)).rejects.toMatchObject(fault);
      await expect(missing.get('k')).rejects.toMatchObject(fault);
      await expect(keysOf(missing, '')).rejects.toMatchObject(fault);
    });
  });
}

export async function keysOf(store: ObjectStore, prefix: string, options?: ListOptions): Promise<string[]> {
  const keys = [];
  for await (const { key } of store.list(prefix, options)) keys.push(key);
  return keys;
}

/** Runs the step over all items, so many at a time. */
export async function inParallel<T>(
  atOnce: number,
  items: readonly T[],
  step: (item: T) => Promise<unknown>,
): Promise<void> {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const item of queue) await step(item);
    }),
  );
}

function hash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

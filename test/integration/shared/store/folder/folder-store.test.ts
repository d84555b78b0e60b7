import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { ANSWER_BYTES } from '../../../../../src/shared/base/answer-size.ts';
import { openFolderStore } from '../../../../../src/shared/store/folder/store.ts';
import { keysOf, type OpenedStore, storeContract } from '../../../../support/store-contract.ts';

const text = { contentType: 'text/plain' } as const;

interface OpenedFolder extends OpenedStore {
  readonly outer: string;
  readonly folder: string;
}

async function open(): Promise<OpenedFolder> {
  const outer = await mkdtemp(join(tmpdir(), 'shotlist-folder-'));
  const folder = join(outer, 'store');
  return {
    outer,
    folder,
    store: await openFolderStore({ folder }),
    another: () => openFolderStore({ folder }),
    missing: async () => {
      const gone = join(outer, 'gone');
      const store = await openFolderStore({ folder: gone });
      await rm(gone, { recursive: true });
      return store;
    },
    [Symbol.asyncDispose]: () => rm(outer, { recursive: true, force: true }),
  };
}

storeContract('a folder', open);

describe('the folder store', () => {
  it('refuses a file that is larger than any object of ours', async () => {
    await using opened = await open();
    await opened.store.put('o/1.txt', Buffer.from('x'), text);
    await truncate(join(opened.folder, 'o', '1.txt'), ANSWER_BYTES.object + 1);
    await expect(opened.store.get('o/1.txt')).rejects.toMatchObject({ name: 'TooLargeObjectError' });
  });

  it('lays objects down as files that a person finds and opens', async () => {
    await using opened = await open();
    await opened.store.put('originals/0a1b/0.png', Buffer.from('picture'), {
      contentType: 'image/png',
      metadata: { 'file-name': 'x.png' },
    });
    const path = join(opened.folder, 'originals', '0a1b', '0.png');
    expect(await readFile(path, 'utf8')).toBe('picture');
    expect(opened.store.urlOf('originals/0a1b/0.png')).toBe(path);
    expect(opened.store.location).toBe(opened.folder);
    expect((await readdir(opened.folder)).sort()).toEqual(['.store', 'originals']);
  });

  it('answers addresses where the folder is served', async () => {
    await using opened = await open();
    const store = await openFolderStore({ folder: opened.folder, publicUrl: 'https://shop.example/img' });
    expect(store.urlOf('a b/0.png')).toBe('https://shop.example/img/a%2520b/0.png');
  });

  it('takes a file that a person put there for an object', async () => {
    await using opened = await open();
    await mkdir(join(opened.folder, 'mine'));
    await writeFile(join(opened.folder, 'mine', 'dress.jpg'), 'jpeg');
    await writeFile(join(opened.folder, 'mine', '.DS_Store'), 'x');
    expect(await keysOf(opened.store, '')).toEqual(['mine/dress.jpg']);
    expect(await opened.store.get('mine/dress.jpg')).toMatchObject({ contentType: 'image/jpeg' });
    expect(await opened.store.putOnce('mine/dress.jpg', Buffer.from('new'), text)).toBe('exists');
  });

  it.each([
    ['a folder', 'a/b', 'outside'],
    ['the first folder', 'a', 'outside'],
    ['a file', 'a/b/0.png', 'outside/0.png'],
    ['a folder that is not there', 'a', 'outside/none'],
  ])('follows no link below its root: %s', async (_, at, to) => {
    await using opened = await open();
    const outside = join(opened.outer, 'outside');
    await mkdir(join(outside, 'b'), { recursive: true });
    for (const name of ['0.png', 'b/0.png']) await writeFile(join(outside, name), 'not ours');
    const link = join(opened.folder, at);
    await mkdir(dirname(link), { recursive: true });
    await symlink(join(opened.outer, to), link);

    const refused = { name: 'UserError', code: 'store_unfit', message: expect.stringContaining(link) };
    const { store } = opened;
    await expect(store.get('a/b/0.png')).rejects.toMatchObject(refused);
    await expect(store.put('a/b/0.png', Buffer.from('x'), text)).rejects.toMatchObject(refused);
    await expect(store.putOnce('a/b/0.png', Buffer.from('x'), text)).rejects.toMatchObject(refused);
    await expect(store.putFile('a/b/0.png', join(outside, '0.png'), text)).rejects.toMatchObject(refused);
    for (const prefix of ['', 'a/', 'a/b/']) {
      await expect(keysOf(store, prefix)).rejects.toMatchObject(refused);
    }
    expect((await readdir(outside, { recursive: true })).sort()).toEqual(['0.png', 'b', 'b/0.png']);
    expect(await readFile(join(outside, 'b/0.png'), 'utf8')).toBe('not ours');
  });

  it('follows no link among its own files', async () => {
    await using opened = await open();
    const outside = join(opened.outer, 'outside');
    await mkdir(outside);
    await symlink(outside, join(opened.folder, '.store', 'meta'));
    const refused = { code: 'store_unfit' };
    const described = { ...text, metadata: { a: 'b' } };
    await expect(opened.store.put('a/0.png', Buffer.from('x'), described)).rejects.toMatchObject(refused);
    expect(await readdir(outside)).toEqual([]);
    await rm(join(opened.folder, '.store'), { recursive: true });
    await symlink(outside, join(opened.folder, '.store'));
    await expect(opened.another()).rejects.toMatchObject(refused);
    expect(await readdir(outside)).toEqual([]);
  });

  it('may be a link itself', async () => {
    await using opened = await open();
    const link = join(opened.outer, 'link');
    await symlink(opened.folder, link);
    const store = await openFolderStore({ folder: link });
    await store.put('a/0.png', Buffer.from('x'), text);
    expect(await keysOf(opened.store, '')).toEqual(['a/0.png']);
    expect((await store.get('a/0.png'))?.body.toString()).toBe('x');
  });

  it('lists no link with a name of others, and lets no key lead out of the folder', async () => {
    await using opened = await open();
    await symlink('/', join(opened.folder, '.root'));
    expect(await keysOf(opened.store, '')).toEqual([]);
    for (const key of ['..%2fx', '%2e%2e/x', '.store/tmp/x', '..%2f..%2fx']) {
      await opened.store.put(key, Buffer.from('x'), text);
    }
    expect((await readdir(opened.outer)).sort()).toEqual(['store']);
    expect(await readdir(join(opened.folder, '.store', 'tmp'))).toEqual([]);
    expect(await keysOf(opened.store, '')).toHaveLength(4);
  });

  it.each<[string, (folder: string) => Promise<unknown>]>([
    ['a folder', (folder) => rm(join(folder, 'o', 'b'), { recursive: true })],
    ['a file', (folder) => rm(join(folder, 'o', 'a', '99.txt'))],
    ['the whole disk', (folder) => rename(folder, `${folder}-away`)],
    ['a folder, and a file came in its place', replacedByFile],
  ])('ends no listing early when it goes away in the middle of it: %s', async (_, goAway) => {
    await using opened = await open();
    for (let at = 10; at < 100; at += 1) await opened.store.put(`o/a/${at}.txt`, Buffer.from('x'), text);
    await opened.store.put('o/b/1.txt', Buffer.from('x'), text);
    const listed = async () => {
      let gone = false;
      for await (const _ of opened.store.list('o/')) {
        if (!gone) await goAway(opened.folder);
        gone = true;
      }
    };
    await expect(listed()).rejects.toMatchObject({ name: 'UnavailableError' });
  });

  it('takes a folder that cannot be one for a fault, and not for one in which nothing is', async () => {
    await using opened = await open();
    await writeFile(join(opened.folder, 'originals'), 'a file');
    await expect(keysOf(opened.store, 'originals/')).rejects.toMatchObject({ name: 'UnavailableError' });
    await expect(keysOf(opened.store, 'originals/x/')).rejects.toMatchObject({ name: 'UnavailableError' });
    await expect(opened.store.get('originals/x/0.png')).rejects.toMatchObject({ name: 'UnavailableError' });
  });

  it('passes over no object whose long name has lost its text', async () => {
    await using opened = await open();
    await opened.store.put(`o/${'long'.repeat(70)}/0.png`, Buffer.from('x'), text);
    await rm(join(opened.folder, '.store', 'names'), { recursive: true });
    await expect(keysOf(opened.store, 'o/')).rejects.toThrow('is missing in .store/names; restore it.');
  });

  it('shows nothing of a write that crashed, and removes what it left after an hour', async () => {
    await using opened = await open();
    const temporary = join(opened.folder, '.store', 'tmp');
    const old = new Date(Date.now() - 2 * 3_600_000);
    await writeFile(join(temporary, '1-old'), 'half');
    await utimes(join(temporary, '1-old'), old, old);
    await writeFile(join(temporary, '2-new'), 'half');
    const store = await opened.another();
    expect(await keysOf(store, '')).toEqual([]);
    expect(await readdir(temporary)).toEqual(['2-new']);
  });

  it('gives an object its own description after a write that crashed between description and bytes', async () => {
    await using opened = await open();
    const crashing = { contentType: 'image/png', metadata: { by: 'the one that crashed' } };
    // The state right after such a crash: a description, no bytes.
    await opened.store.put('k.png', Buffer.from('same'), crashing);
    await rm(join(opened.folder, 'k.png'));
    expect(await opened.store.get('k.png')).toBeUndefined();
    await opened.store.putOnce('k.png', Buffer.from('same'), { contentType: 'image/png' });
    expect(await opened.store.get('k.png')).toMatchObject({ metadata: {} });
  });

  // root may write anywhere
  const itAsUser = process.getuid?.() === 0 ? it.skip : it;
  itAsUser('says so when the folder may not be written', async () => {
    await using opened = await open();
    await chmod(opened.folder, 0o500);
    await expect(opened.store.put('a/b', Buffer.from('x'), text)).rejects.toMatchObject({
      code: 'store_denied',
    });
    await chmod(opened.folder, 0o700);
  });

  it('lets exactly one of 64 writers in four processes win', async () => {
    await using opened = await open();
    const module = pathToFileURL(
      join(import.meta.dirname, '../../../../../src/shared/store/folder/store.ts'),
    ).href;
    const script = `
      const { openFolderStore } = await import(${JSON.stringify(module)});
      const store = await openFolderStore({ folder: process.argv[1] });
      process.stdout.write('ready\\n');
      for await (const _ of process.stdin) break;
      const outcomes = await Promise.all(Array.from({ length: 16 }, (_, n) =>
        store.putOnce('race.txt', Buffer.from(process.pid + '.' + n), { contentType: 'text/plain', metadata: { by: process.pid + '.' + n } })));
      process.stdout.write(JSON.stringify(outcomes.flatMap((o, n) => o === 'created' ? [process.pid + '.' + n] : [])));
      process.exit(0);`;
    const children = Array.from({ length: 4 }, () =>
      spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script, opened.folder], {
        stdio: ['pipe', 'pipe', 'inherit'],
      }),
    );
    const outputs = children.map(() => '');
    const ready = children.map((child, index) => {
      child.stdout.setEncoding('utf8');
      child.stdout.on('data', (chunk: string) => {
        outputs[index] += chunk;
      });
      return Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
    });
    await Promise.all(ready);
    const ended = children.map((child) => once(child, 'close'));
    for (const child of children) child.stdin.end('go\n');
    await Promise.all(ended);
    const winners = outputs.flatMap((output) => JSON.parse(output.replace('ready\n', '')) as string[]);
    expect(winners).toHaveLength(1);
    const kept = await opened.store.get('race.txt');
    expect(kept?.body.toString()).toBe(winners[0]);
    expect(kept?.metadata).toEqual({ by: winners[0] });
  });
});

async function replacedByFile(folder: string): Promise<void> {
  await rm(join(folder, 'o', 'b'), { recursive: true });
  await writeFile(join(folder, 'o', 'b'), 'a file');
}

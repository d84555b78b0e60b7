import { spawnSync } from 'node:child_process';
import { chmod, mkdir, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ownFolder } from '../../../../../scripts/setup/own-folder.mjs';
import { exportCommand } from '../../../../../src/cli/commands/export.ts';
import { openStateFile } from '../../../../../src/local/fal/state-file.ts';
import { openLocalStack } from '../../../../../src/local/stack.ts';
import { Spool } from '../../../../../src/producer/plan/spool.ts';
import { Journal } from '../../../../../src/shared/journal/journal.ts';
import { openFolderStore } from '../../../../../src/shared/store/folder/store.ts';
import { runInContext } from '../../../../support/cli-context.ts';
import { BUCKET, fakeS3 } from '../../../../support/fake-s3.ts';
import { aRow, writePlan } from '../../../../support/filled-store.ts';
import { tempFolder } from '../../../../support/temp-folder.ts';

/** Not the server's own files: it makes them under a folder that is closed. */
const REDIS_OWN = /appendonlydir|dump\.rdb|redis\.log$/;

const octal = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

/** What others than this user may enter or read, below a folder and with it. */
async function openToOthers(folder: string): Promise<string[]> {
  const names = ['', ...(await readdir(folder, { recursive: true }))].filter((name) => !REDIS_OWN.test(name));
  const open = await Promise.all(
    names.map(async (name) => ((await stat(join(folder, name))).mode & 0o077) !== 0),
  );
  return names.filter((_, at) => open[at] === true);
}

describe('what is written on the user’s machine is for this user alone', () => {
  it('the folder store: its folders, objects, descriptions, names, and copies of files', async () => {
    await using outer = await tempFolder();
    const source = join(outer.path, 'source.bin');
    await writeFile(source, 'x', { mode: 0o644 });
    const folder = join(outer.path, '.shotlist', 'store');
    const store = await openFolderStore({ folder });
    const type = { contentType: 'text/plain', metadata: { a: 'b' } };
    await store.put('a/b/0.png', Buffer.from('x'), type);
    await store.putOnce('c/d/1.png', Buffer.from('x'), type);
    await store.putFile('e/f/2.png', source, type);
    await store.put(`${'long'.repeat(70)}/0.png`, Buffer.from('x'), type);
    expect(await openToOthers(join(outer.path, '.shotlist'))).toEqual([]);
  });

  it('a store that an earlier version made is closed', async () => {
    await using outer = await tempFolder();
    const folder = join(outer.path, 'store');
    await mkdir(join(folder, '.store'), { recursive: true });
    await chmod(folder, 0o755);
    await openFolderStore({ folder });
    expect([await octal(folder), await octal(join(folder, '.store'))]).toEqual(['700', '700']);
  });

  it('a folder that a link stands for keeps the rights that somebody gave it', async () => {
    await using outer = await tempFolder();
    const disk = join(outer.path, 'disk');
    await mkdir(disk);
    await chmod(disk, 0o755);
    await symlink(disk, join(outer.path, 'store'));
    await openFolderStore({ folder: join(outer.path, 'store') });
    expect([await octal(disk), await octal(join(disk, '.store'))]).toEqual(['755', '700']);
  });

  it('the simulator’s state, with its keys', async () => {
    await using outer = await tempFolder();
    const folder = join(outer.path, 'sim');
    openStateFile(folder).append({ event: 'opened', seed: 's', key: 'k', adminKey: 'a' });
    expect(await openToOthers(folder)).toEqual([]);
  });

  it('a plan in the making', async () => {
    await using outer = await tempFolder();
    await using spool = await Spool.create(outer.path);
    await spool.add('{}', { row: 0, requests: [] } as never);
    await spool.finish();
    expect(await openToOthers(outer.path)).toEqual([]);
  });

  it('the embedded Redis and simulator, in a `.shotlist` that was open', async () => {
    await using outer = await tempFolder();
    const folder = join(outer.path, '.shotlist');
    await mkdir(folder);
    await chmod(folder, 0o755);
    await using _stack = await openLocalStack({ folder, simulate: true });
    expect(await openToOthers(folder)).toEqual([]);
  });

  it('the folder of the set-up, new or open', async () => {
    await using outer = await tempFolder();
    const folder = join(outer.path, '.shotlist');
    ownFolder(folder);
    expect(await octal(folder)).toBe('700');
    await chmod(folder, 0o755);
    ownFolder(folder);
    expect(await octal(folder)).toBe('700');
  });

  it('the lock of the set-up', async () => {
    await using outer = await tempFolder();
    const lock = new URL('../../../../../scripts/setup/lock.mjs', import.meta.url).href;
    const code = `import { statSync } from 'node:fs'; import { withLock } from '${lock}';
      const mode = (path) => (statSync(path).mode & 0o777).toString(8);
      console.log(withLock('s', 'x', () => mode('s') + ' ' + mode('s/x.lock')));`;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', code], { cwd: outer.path });
    expect(stdout.toString()).toBe('700 600\n');
  });

  it('`export --presign --out`, and no other `--out`', async () => {
    await using outer = await tempFolder();
    await using s3 = await fakeS3();
    await using store = s3.store();
    await writePlan(new Journal({ store }), 'spring', [aRow(0, 'tee')]);
    const environment = {
      REDIS_URL: 'redis://127.0.0.1:1',
      S3_BUCKET: BUCKET,
      S3_ENDPOINT: s3.endpoint,
    };
    // The SDK reads them from the process. Jest gives each test file an environment of its own.
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret-of-the-test' });
    const written = async (out: string, more: { readonly presign?: number }) => {
      await runInContext({ cwd: outer.path, environment }, (context) =>
        exportCommand(context, 'spring', { format: 'jsonl', out, ...more }),
      );
      return await octal(join(outer.path, out));
    };
    const plain = (0o666 & ~process.umask()).toString(8);
    expect(await written('plain.jsonl', {})).toBe(plain);
    // Also where a file with the user's own rights was.
    expect(await written('plain.jsonl', { presign: 3_600 })).toBe('600');
  });
});

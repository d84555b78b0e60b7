import { Redis } from 'ioredis';
import { type LocalRedis, startRedis } from '../../src/local/redis.ts';
import { blocksOf, readPage } from './docs.ts';
import { tempFolder } from './temp-folder.ts';

/** A real server of a test's own, which may break it. `await using` ends it. */
export interface OwnRedis extends AsyncDisposable {
  readonly server: LocalRedis;
  /** Of the server's owner, who may do everything. */
  readonly admin: Redis;
  /** The URL for a user of that name and the password `secret-word`. */
  urlOf(user: string): string;
}

export async function ownRedis(): Promise<OwnRedis> {
  const folder = await tempFolder();
  const server = await startRedis({ folder: folder.path });
  const admin = new Redis(server.url);
  return {
    server,
    admin,
    urlOf: (user) => `redis://${user}:secret-word@127.0.0.1:${server.port}`,
    async [Symbol.asyncDispose]() {
      admin.disconnect();
      await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Makes the user of docs/operations.md, with its rights and no others; then takes or adds what `changes` say. */
export async function userOfDocs(
  { admin }: Pick<OwnRedis, 'admin'>,
  user: string,
  { prefix, changes = [] }: { readonly prefix: string; readonly changes?: readonly string[] },
): Promise<void> {
  const line = blocksOf(await readPage('docs/operations.md'), 'redis').find((block) =>
    block.startsWith('ACL SETUSER'),
  );
  if (line === undefined) throw new Error('docs/operations.md has no line ACL SETUSER');
  const [, , , ...rules] = line.trim().split(' ');
  const own = rules.map((rule) =>
    rule === '>PASSWORD' ? '>secret-word' : rule.replace('{shotlist}', prefix),
  );
  await admin.call('ACL', 'SETUSER', user, 'reset', ...own, ...changes);
}

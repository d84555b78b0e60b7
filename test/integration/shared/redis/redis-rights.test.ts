import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { openRedis } from '../../../../src/shared/redis/redis.ts';
import { PLAIN_COMMANDS, SCRIPTED_COMMANDS, tryRights } from '../../../../src/shared/redis/rights.ts';
import { ROOT } from '../../../support/docs.ts';
import { ownRedis, userOfDocs } from '../../../support/own-redis.ts';
import { openWorkshop } from '../../../support/workshop.ts';

/** Every command in a Lua text. */
function commandsIn(text: string): string[] {
  return [...text.matchAll(/(?:rcall|redis\.call|redis\.pcall)\(\s*['"]([A-Za-z]+)['"]/g)].map(
    ([, name = '']) => name.toUpperCase(),
  );
}

function textsUnder(folder: string, ends: RegExp): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => ends.test(name))
    .map((name) => readFileSync(join(folder, name), 'utf8'));
}

describe('the rights in Redis', () => {
  it('that are tried are all that our scripts and those of BullMQ use', () => {
    const bull = dirname(createRequire(import.meta.url).resolve('bullmq'));
    const texts = [...textsUnder(join(ROOT, 'src'), /\.ts$/), ...textsUnder(join(bull, 'scripts'), /\.js$/)];
    const used = new Set(texts.flatMap(commandsIn));
    expect(used.size).toBeGreaterThan(50);
    expect([...used].filter((name) => !SCRIPTED_COMMANDS.includes(name))).toEqual([]);
  });

  it('are enough as docs/operations.md gives them, and each one that is missing is named', async () => {
    await using own = await ownRedis();
    const prefix = '{t-rights}';
    await userOfDocs(own, 'shop', { prefix });
    const redis = await openRedis(own.urlOf('shop'));
    try {
      expect(await tryRights({ redis, prefix })).toEqual({ commands: [], sentences: [] });
      // What was tried leaves nothing behind.
      expect(await own.admin.keys('*')).toEqual([]);
      // EXEC is not taken alone: Redis lets nobody begin who may not end.
      for (const command of [...SCRIPTED_COMMANDS, ...PLAIN_COMMANDS]) {
        await userOfDocs(own, 'shop', { prefix, changes: [`-${command.toLowerCase()}`] });
        const { commands, sentences } = await tryRights({ redis, prefix });
        expect({ command, commands }).toEqual({ command, commands: [command] });
        expect(sentences).toEqual([expect.stringContaining(`run ${command};`)]);
      }
      await userOfDocs(own, 'shop', { prefix: '{another}' });
      expect((await tryRights({ redis, prefix })).sentences).toEqual([
        expect.stringContaining('use the keys under REDIS_PREFIX'),
      ]);
    } finally {
      redis.disconnect();
    }
  });

  it('are enough for all work, from the list to the pictures and the end', async () => {
    await using own = await ownRedis();
    const prefix = '{t-whole}';
    await userOfDocs(own, 'shop', { prefix });
    const seen = new Set<string>();
    const monitor = await own.admin.monitor();
    monitor.on('monitor', (_time: string, args: readonly string[]) => {
      seen.add(String(args[0]).toUpperCase());
    });
    try {
      await using shop = await openWorkshop({
        redis: { url: own.urlOf('shop'), prefix, client: own.admin, [Symbol.asyncDispose]: async () => {} },
      });
      await using work = await shop.startWorker({ roles: ['generate', 'collect', 'schedule'] });
      const batch = await shop.enqueueRows([
        { id: 'A', prompt: 'A mug', quality: 'low' },
        { id: 'B', prompt: 'A jug', quality: 'low', variants: '2' },
      ]);
      expect((await shop.untilEnded(batch)).counts).toMatchObject({ delivered: 2, failed: 0 });
      expect(work.redisFaults()).toEqual([]);
    } finally {
      monitor.disconnect();
    }
    const refused = await own.admin.call('ACL', 'LOG', '100');
    // A worker names its connection, which BullMQ and its client do without where they may not.
    const names = Array.isArray(refused)
      ? refused.flatMap((entry) => String(entry[entry.indexOf('object') + 1]))
      : [];
    expect(names.filter((name) => !name.startsWith('client'))).toEqual([]);
    const ofConnections = ['AUTH', 'HELLO', 'CLIENT', 'SELECT', 'QUIT', 'ACL', 'MONITOR'];
    const tried = [...SCRIPTED_COMMANDS, ...PLAIN_COMMANDS, ...ofConnections];
    expect([...seen].filter((name) => !tried.includes(name))).toEqual([]);
  });
});

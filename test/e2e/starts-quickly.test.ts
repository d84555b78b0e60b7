import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, jest } from '@jest/globals';
import { ROOT } from '../support/docs.ts';
import { program } from '../support/program.ts';
import { testRedis } from '../support/redis.ts';
import { tempFolder } from '../support/temp-folder.ts';

jest.setTimeout(90_000);

const HOOK = pathToFileURL(join(ROOT, 'test/support/loaded-modules.mjs')).href;
const NEVER = /\/node_modules\/(@aws-sdk|fastify|sharp|undici|csv-parse)\/|\/dist\/(producer\/plan|worker)\//;

describe('a command that somebody waits for', () => {
  it('loads few modules, and neither the AWS SDK, fastify, sharp, undici nor the planner', async () => {
    await using redis = await testRedis();
    await using folder = await tempFolder();
    const list = join(folder.path, 'list.csv');
    await writeFile(list, 'id,prompt\nmug,a red mug\n');
    const env = { REDIS_URL: redis.url, REDIS_PREFIX: redis.prefix };
    const { stdout } = await program(['enqueue', list, '--json'], { cwd: folder.path, env });
    const { batch } = JSON.parse(stdout) as { batch: string };

    // The store is asked by what writes a word to it, and by who looks for pictures that were made again: a folder is 8 modules.
    const most: readonly (readonly [readonly string[], number])[] = [
      [['--help'], 60],
      [['status'], 60],
      [['status', batch], 80],
      [['pause', batch], 75],
      [['resume', batch], 75],
      [['pause'], 75],
      [['resume'], 75],
    ];
    for (const [args, limit] of most) {
      const told = join(folder.path, `loaded-${args.join('-')}`);
      const hooked = { ...env, NODE_OPTIONS: `--import=${HOOK}`, LOADED_MODULES: told };
      const { code, stderr } = await program(args, { cwd: folder.path, env: hooked });
      expect({ args, code, stderr: code === 0 ? '' : stderr }).toEqual({ args, code: 0, stderr: '' });
      const loaded = [...new Set((await readFile(told, 'utf8')).split('\n'))];
      const ours = loaded.filter((url) => url.includes('/dist/') && !url.includes('/node_modules/'));
      expect(ours.length).toBeGreaterThan(10);
      expect({
        args,
        many: ours.length > limit ? ours.length : 'few',
        never: loaded.filter((url) => NEVER.test(url)),
      }).toEqual({
        args,
        many: 'few',
        never: [],
      });
    }
  });
});

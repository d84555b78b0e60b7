import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from '../../src/cli/context.ts';
import { type Clock, systemClock } from '../../src/shared/base/time.ts';
import { runInContext, type Spoken } from './cli-context.ts';
import { tempFolder } from './temp-folder.ts';
import type { Workshop } from './workshop.ts';

/** Runs commands of the program on a workshop's own Redis, store and simulator. */
export interface WorkshopCli extends AsyncDisposable {
  /** The folder that commands are run in. */
  readonly path: string;
  run<T>(command: (context: Context) => Promise<T>, clock?: Clock): Promise<Spoken & { readonly result: T }>;
}

export async function workshopCli(
  { stack, fal, redis, config }: Workshop,
  settings: Readonly<Record<string, string>> = {},
): Promise<WorkshopCli> {
  const folder = await tempFolder();
  if (stack.store.kind !== 'folder') throw new Error('a workshop keeps a folder store');
  await mkdir(join(folder.path, '.shotlist'));
  await mkdir(stack.store.folder, { recursive: true });
  await symlink(stack.store.folder, join(folder.path, '.shotlist', 'store'));
  const environment = {
    FAL_KEY: fal.key,
    FAL_ADMIN_KEY: fal.adminKey,
    FAL_QUEUE_URL: fal.queueUrl,
    FAL_API_URL: fal.apiUrl,
    FAL_START_TIMEOUT_S: String(config.fal.startTimeoutS),
    ...(config.fal.unknownMarginS === undefined
      ? {}
      : { FAL_UNKNOWN_MARGIN_S: String(config.fal.unknownMarginS) }),
    REDIS_URL: redis.url,
    REDIS_PREFIX: redis.prefix,
    DEFAULT_MODEL: 'gpt-image-1-mini',
    ...settings,
  };
  return {
    path: folder.path,
    run: (command, clock = systemClock) => runInContext({ cwd: folder.path, environment, clock }, command),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

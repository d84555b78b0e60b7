import { join, resolve } from 'node:path';
import type { Config } from '../shared/base/config.ts';
import { UserError } from '../shared/base/errors.ts';
import type { Logger } from '../shared/base/log.ts';
import { optional } from '../shared/base/time.ts';
import type { ObjectStore } from '../shared/store/object-store.ts';

/** Where everything is for this run: told by the settings, or brought along under `.shotlist/`. */
export interface Stack extends AsyncDisposable {
  /** undefined where the command needs no Redis. */
  readonly redisUrl: string | undefined;
  readonly prefix: string;
  readonly store: StoreSpec;
  readonly fal: Config['fal'];
  readonly simulated: boolean;
  /** Passwords and keys that this stack brought, for the log's redaction. */
  readonly secrets: readonly string[];
  /** What was brought along, for people. */
  readonly notes: readonly string[];
  /** Aborts when the embedded Redis is gone. */
  readonly lost: AbortSignal | undefined;
}

/** Plain data, so that a render child can be told. */
export type StoreSpec =
  | { readonly kind: 's3'; readonly config: Config['s3'] }
  | { readonly kind: 'folder'; readonly folder: string };

export interface StackOptions {
  readonly config: Config;
  readonly simulate: boolean;
  /** A dry run needs none. */
  readonly redis: 'needed' | 'not-needed';
  /** Whether missing parts are brought along; a worker of a fleet must be told where everything is. */
  readonly embedded: 'allowed' | 'only-simulated';
  /** Where `.shotlist/` is. */
  readonly cwd: string;
  readonly signal?: AbortSignal;
}

/** Names under which simulated work keeps to itself: a simulated picture never passes for a real one. */
const SIMULATED = { folder: 'sim', prefix: '{shotlist-sim}' } as const;

/**
 * Rejects with a `UserError` where the settings do not fit: simulated work with a real bucket or Redis, a worker
 * without them.
 */
export async function openStack(options: StackOptions): Promise<Stack> {
  const { config, simulate } = options;
  if (simulate) {
    refuseRealParts(config);
    return await openEmbedded(options, true);
  }
  const missing = [
    ...(config.redis.url === undefined && options.redis === 'needed' ? ['REDIS_URL'] : []),
    ...(config.s3.bucket === undefined ? ['S3_BUCKET'] : []),
  ];
  if (missing.length > 0 && options.embedded === 'only-simulated') {
    throw new UserError(
      'not_configured',
      `Set ${missing.join(' and ')}: a worker must be told where Redis and the bucket are (shotlist run brings its own).`,
    );
  }
  return await openEmbedded(options, false);
}

async function openEmbedded(
  { config, redis, cwd, signal }: StackOptions,
  simulated: boolean,
): Promise<Stack> {
  const folder = localFolder(cwd, simulated);
  const notes: string[] = [];
  const store: StoreSpec =
    config.s3.bucket === undefined
      ? { kind: 'folder', folder: join(folder, 'store') }
      : { kind: 's3', config: config.s3 };
  if (store.kind === 'folder') notes.push(`pictures and records go to the folder ${store.folder}`);
  const needsRedis = redis === 'needed' && config.redis.url === undefined;
  const local = needsRedis
    ? await (await import('../local/stack.ts')).openLocalStack({
        folder,
        simulate: simulated,
        ...optional(signal),
      })
    : undefined;
  if (local !== undefined) notes.push(`Redis runs for as long as this command, its data in ${folder}`);
  const fal = local?.fal;
  if (fal !== undefined) notes.push('fal is simulated: no request leaves this machine, nothing is paid');
  const password = local === undefined ? '' : new URL(local.redisUrl).password;
  return {
    redisUrl: local?.redisUrl ?? config.redis.url,
    prefix: simulated ? SIMULATED.prefix : config.redis.prefix,
    store,
    fal:
      fal === undefined
        ? config.fal
        : {
            ...config.fal,
            key: fal.key,
            adminKey: fal.adminKey,
            queueUrl: fal.queueUrl,
            apiUrl: fal.apiUrl,
            mediaHosts: fal.mediaHosts,
          },
    simulated,
    secrets: [password, fal?.key ?? '', fal?.adminKey ?? ''].filter((text) => text !== ''),
    notes,
    lost: local?.lost,
    async [Symbol.asyncDispose]() {
      await local?.[Symbol.asyncDispose]();
    },
  };
}

/** Where what is brought along lies. */
export function localFolder(cwd: string, simulated: boolean): string {
  return join(resolve(cwd), '.shotlist', ...(simulated ? [SIMULATED.folder] : []));
}

/** What a store is called before it is opened. */
export function locationOf(spec: StoreSpec): string {
  return spec.kind === 's3' ? `s3://${spec.config.bucket}/${spec.config.prefix}` : spec.folder;
}

export async function openStore(spec: StoreSpec, log: Logger): Promise<ObjectStore> {
  switch (spec.kind) {
    case 's3': {
      // The SDK takes an eighth of a second to load, which who has a folder does not wait for.
      const { openS3Store } = await import('../shared/store/s3/store.ts');
      return openS3Store({ config: spec.config, log });
    }
    case 'folder': {
      const { openFolderStore } = await import('../shared/store/folder/store.ts');
      return await openFolderStore({ folder: spec.folder });
    }
  }
}

function refuseRealParts(config: Config): void {
  const set = [
    ...(config.s3.bucket === undefined ? [] : ['S3_BUCKET']),
    ...(config.redis.url === undefined ? [] : ['REDIS_URL']),
  ];
  if (set.length === 0) return;
  throw new UserError(
    'simulate_refused',
    `Simulated work never touches a real bucket or Redis: unset ${set.join(' and ')}, or leave --simulate out.`,
  );
}

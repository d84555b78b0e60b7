import { assertCreateOnce } from '../shared/create-once.ts';
import { messageOf, UnavailableError, UserError } from '../shared/errors.ts';
import { endWarning, type Model } from '../shared/models/model.ts';
import type { ObjectStore } from '../shared/object-store.ts';
import { loadRecipes } from '../shared/recipes.ts';
import type { Clock } from '../shared/time.ts';

export interface PreflightDeps {
  /** Opens what is to be looked at, or hands over what is open already; the caller closes it. */
  readonly redis: () => Promise<{ info(section: string): Promise<string> }>;
  readonly store: () => Promise<ObjectStore>;
  /** Whether a key is there that pays; the simulator brings its own. */
  readonly hasKey: boolean;
  readonly recipesFolder: string;
  readonly models: readonly Model[];
  readonly clock: Clock;
  readonly signal?: AbortSignal;
}

export interface Preflight {
  /** One sentence each; any of them must be mended before money is spent. */
  readonly faults: readonly string[];
  readonly warnings: readonly string[];
}

/** Looks at everything, whatever was found before, so that a person mends all of it in one go. */
export async function preflight(deps: PreflightDeps): Promise<Preflight> {
  const { hasKey, recipesFolder, models, clock, signal } = deps;
  const faults: string[] = [];
  const warnings: string[] = [];
  if (!hasKey) faults.push('There is no key that pays: set FAL_KEY, or try it without paying: --simulate.');

  const [redis, store, recipes] = await Promise.all([
    sentenceOf(async () => {
      const found = lookAtRedis(await infoOf(await deps.redis()));
      faults.push(...found.faults);
      warnings.push(...found.warnings);
    }),
    sentenceOf(async () => {
      const opened = await deps.store();
      await opened.check(signal);
      await assertCreateOnce(opened, signal);
    }),
    sentenceOf(async () => {
      await loadRecipes(recipesFolder);
    }),
  ]);
  signal?.throwIfAborted();
  for (const fault of [redis, store, recipes]) if (fault !== undefined) faults.push(fault);
  for (const model of models) {
    const warning = endWarning(model, clock());
    if (warning !== undefined) warnings.push(warning);
  }
  return { faults, warnings };
}

/** Resolves to the warnings. Throws one `UserError` (`unusable_environment`) that names every fault, each on its line. */
export async function assertUsable(deps: PreflightDeps): Promise<readonly string[]> {
  const { faults, warnings } = await preflight(deps);
  if (faults.length > 0) throw unusable(faults);
  return warnings;
}

export function unusable(faults: readonly string[]): UserError {
  return new UserError('unusable_environment', faults.join('\n'));
}

/** The oldest whose commands the scripts use, and BullMQ takes. */
const OLDEST_REDIS = [6, 2] as const;

/** Pure: what `INFO` says against this server. */
export function lookAtRedis(info: ReadonlyMap<string, string>): Preflight {
  const faults: string[] = [];
  const warnings: string[] = [];
  const version = info.get('redis_version');
  if (version !== undefined && isOlder(version)) {
    faults.push(`Redis is version ${version}; use ${OLDEST_REDIS.join('.')} or newer.`);
  }
  const policy = info.get('maxmemory_policy');
  if (policy === undefined) {
    warnings.push('Redis does not say its eviction policy; see to it that maxmemory-policy is noeviction.');
  } else if (policy !== 'noeviction') {
    faults.push(
      `Redis evicts keys when its memory is full (maxmemory-policy ${policy}), which would lose work in hand: set it to noeviction.`,
    );
  }
  if (info.get('aof_enabled') === '0') {
    warnings.push(
      'Redis keeps no append-only file: what it forgets in a crash must be rebuilt from the store; set appendonly yes.',
    );
  }
  return { faults, warnings };
}

function isOlder(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_REDIS;
  return major < oldestMajor || (major === oldestMajor && minor < oldestMinor);
}

/** From `INFO` and not from `CONFIG`, which managed servers forbid. */
async function infoOf(redis: {
  info(section: string): Promise<string>;
}): Promise<ReadonlyMap<string, string>> {
  const texts: string[] = [];
  try {
    for (const section of ['server', 'memory', 'persistence']) texts.push(await redis.info(section));
  } catch (cause) {
    throw new UserError(
      'redis_refused',
      `Redis does not answer INFO (${messageOf(cause)}); let the user in REDIS_URL call it.`,
      { cause },
    );
  }
  return new Map(
    texts.flatMap((text) =>
      text.split(/\r?\n/).flatMap((line) => {
        const colon = line.indexOf(':');
        return colon < 1 ? [] : [[line.slice(0, colon), line.slice(colon + 1)] as const];
      }),
    ),
  );
}

/** What a person can mend becomes a sentence; anything else is a bug, and thrown. */
async function sentenceOf(check: () => Promise<void>): Promise<string | undefined> {
  try {
    await check();
    return undefined;
  } catch (error) {
    if (error instanceof UserError || error instanceof UnavailableError) return error.message;
    throw error;
  }
}

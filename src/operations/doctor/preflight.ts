import { UnavailableError, UserError } from '../../shared/base/errors.ts';
import type { Clock } from '../../shared/base/time.ts';
import type { Model } from '../../shared/models/model.ts';
import { endWarning } from '../../shared/models/model-end.ts';
import type { Registry } from '../../shared/models/registry.ts';
import { loadRecipes } from '../../shared/pictures/recipes.ts';
import { redisRefusal, refusalSentence } from '../../shared/redis/refusals.ts';
import type { Refused } from '../../shared/redis/rights.ts';
import { assertCreateOnce } from '../../shared/store/create-once.ts';
import { assertListsAll } from '../../shared/store/listing-probe.ts';
import type { ObjectStore } from '../../shared/store/object-store.ts';
import { type Outcome, sentenceOf } from './check.ts';
import { NO_KEY } from './fal.ts';
import {
  type InfoRedis,
  type RedisInfo,
  readRedisInfo,
  redisAppendOnly,
  redisEviction,
  redisMemory,
  redisVersion,
} from './redis.ts';
import { assertStoreRights } from './store-rights.ts';

export interface PreflightDeps {
  /** Opens what is to be looked at, or hands over what is open already; the caller closes it. */
  readonly redis: () => Promise<InfoRedis>;
  /** Tries what the work does with Redis; rejects where it is away. */
  readonly redisRights: () => Promise<Refused>;
  readonly store: () => Promise<ObjectStore>;
  /** Whether a key is there that pays, or none is needed; the simulator brings its own. */
  readonly hasKey: boolean;
  readonly recipesFolder: string;
  /** The models whose announced end is warned of, and where their successors are looked up. */
  readonly models: readonly Model[];
  readonly registry: Registry;
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
  const { hasKey, recipesFolder, models, registry, clock, signal } = deps;
  const faults: string[] = [];
  const warnings: string[] = [];
  if (!hasKey) faults.push(`${NO_KEY.message} ${NO_KEY.mend}`);

  const [redis, store, recipes] = await Promise.all([
    faultOf(async () => {
      const opened = await deps.redis();
      faults.push(...(await deps.redisRights()).sentences);
      const found = lookAtRedis(await readRedisInfo(opened));
      faults.push(...found.faults);
      warnings.push(...found.warnings);
    }),
    faultOf(async () => {
      const opened = await deps.store();
      await assertStoreRights(opened, signal);
      await assertCreateOnce(opened, signal);
      await assertListsAll(opened, signal);
    }),
    faultOf(async () => {
      await loadRecipes(recipesFolder);
    }),
  ]);
  signal?.throwIfAborted();
  for (const fault of [redis, store, recipes]) if (fault !== undefined) faults.push(fault);
  for (const model of models) {
    const warning = endWarning(model, registry, clock());
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

/** Pure: what `INFO` says against this server; the doctor says more of it. */
export function lookAtRedis(info: RedisInfo): Preflight {
  const found = [
    redisVersion(info),
    redisEviction(info),
    redisAppendOnly(info),
    ...(info.has('used_memory') ? [redisMemory(info)] : []),
  ];
  const told = (outcome: Outcome) => found.filter((one) => one.outcome === outcome).map(sentenceOf);
  return { faults: told('fault'), warnings: told('warning') };
}

/** What a person can mend becomes a sentence; anything else is a bug, and thrown. */
async function faultOf(check: () => Promise<void>): Promise<string | undefined> {
  try {
    await check();
    return undefined;
  } catch (error) {
    if (error instanceof UserError || error instanceof UnavailableError) return error.message;
    const refusal = redisRefusal(error);
    if (refusal !== undefined) return refusalSentence(refusal);
    throw error;
  }
}

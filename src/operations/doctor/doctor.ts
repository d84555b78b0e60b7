import { optional } from '../../shared/base/time.ts';
import type { Refused } from '../../shared/redis/rights.ts';
import type { ObjectStore } from '../../shared/store/object-store.ts';
import { type Check, type CheckResult, runChecks } from './check.ts';
import { type Connections, encryptionCheck } from './encryption.ts';
import { type FalChecksDeps, falChecks } from './fal.ts';
import { type LostAnswersChecksDeps, lostAnswersChecks } from './lost-answers.ts';
import { type MachineChecksDeps, machineChecks } from './machine.ts';
import { type AskedRedis, redisChecks } from './redis.ts';
import { storeChecks } from './store.ts';
import { privateCheck } from './store-private.ts';

export interface DoctorDeps {
  readonly machine: Omit<MachineChecksDeps, 'clock'>;
  readonly connections: Connections;
  /** Opens what is to be looked at; the caller closes it. */
  readonly redis: () => Promise<AskedRedis>;
  /** Tries what the work does with Redis, over a connection that nobody waits for. */
  readonly redisRights: () => Promise<Refused>;
  /** Where Redis is, for people; holds no secret. */
  readonly redisPlace: string;
  readonly store: () => Promise<ObjectStore>;
  /** Names the race's key: nobody may have written it before. */
  readonly raceName: () => string;
  readonly fal: Omit<FalChecksDeps, 'clock' | 'timeoutMs'>;
  readonly lostAnswers: Omit<LostAnswersChecksDeps, 'clock' | 'store' | 'key' | 'models'>;
  readonly clock: () => number;
  /** For each check. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

export interface Examination {
  /** Whether there is no fault. */
  readonly ok: boolean;
  readonly checks: readonly CheckResult[];
}

/** Looks at everything that work stands on. Writes nothing but the probes of the store, and costs nothing. */
export async function examine(deps: DoctorDeps): Promise<Examination> {
  const { timeoutMs, signal } = deps;
  return examinationOf(await runChecks(doctorChecks(deps), { timeoutMs, ...optional(signal) }));
}

export function examinationOf(checks: readonly CheckResult[]): Examination {
  return { ok: checks.every(({ outcome }) => outcome !== 'fault'), checks };
}

export function doctorChecks({
  machine,
  connections,
  redis,
  redisPlace,
  redisRights,
  store,
  raceName,
  fal,
  lostAnswers,
  clock,
  timeoutMs,
}: Omit<DoctorDeps, 'signal'>): readonly Check[] {
  return [
    ...machineChecks({ ...machine, clock }),
    encryptionCheck(connections),
    ...redisChecks(redis, { place: redisPlace, rights: redisRights }),
    ...storeChecks({ open: store, clock, raceName }),
    privateCheck({ open: store, isFolder: machine.folder !== undefined }),
    ...falChecks({ ...fal, clock, timeoutMs }),
    ...lostAnswersChecks({ ...lostAnswers, key: fal.key, models: fal.registry.models, store, clock }),
  ];
}

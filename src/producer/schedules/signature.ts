import type { Config } from '../../shared/base/config.ts';
import { UserError } from '../../shared/base/errors.ts';
import { type ScheduleSigner, scheduleSigner } from './signer.ts';

/** Where fal is, for this process. */
type Fal = { readonly fal: Pick<Config['fal'], 'key'> };

/** undefined where the process has no key: then it can only look. Simulated, `fal.key` is the simulator's. */
export function signerOf(
  { scheduleKey }: Pick<Config, 'scheduleKey'>,
  { fal }: Fal,
): ScheduleSigner | undefined {
  const secret = scheduleKey ?? fal.key;
  return secret === undefined || secret === '' ? undefined : scheduleSigner(secret);
}

/** What a process without a key says of the schedules that it shows. */
export const UNVERIFIED =
  'no signature was checked, since neither FAL_KEY nor SCHEDULE_KEY is set; a worker runs only what is signed with its key.';

/** Throws a `UserError` where the process has no key: what it wrote, no worker would believe. */
export function assertSigner(config: Pick<Config, 'scheduleKey'>, stack: Fal): void {
  if (signerOf(config, stack) !== undefined) return;
  throw new UserError(
    'no_schedule_key',
    'Set FAL_KEY, or SCHEDULE_KEY where the workers have one: a schedule is signed with it, and no worker runs one that is not.',
  );
}

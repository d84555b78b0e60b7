import { type ScheduleSigner, scheduleSigner } from '../producer/schedules/signer.ts';
import type { Config } from '../shared/base/config.ts';
import { UserError } from '../shared/base/errors.ts';
import type { Stack } from './connections.ts';

/** undefined where the process has no key: then it can only look. Simulated, `fal.key` is the simulator's. */
export function signerOf({ scheduleKey }: Config, { fal }: Pick<Stack, 'fal'>): ScheduleSigner | undefined {
  const secret = scheduleKey ?? fal.key;
  return secret === undefined || secret === '' ? undefined : scheduleSigner(secret);
}

/** Throws a `UserError` where the process has no key: what it wrote, no worker would believe. */
export function assertSigner(config: Config, stack: Pick<Stack, 'fal'>): void {
  if (signerOf(config, stack) !== undefined) return;
  throw new UserError(
    'no_schedule_key',
    'Set FAL_KEY, or SCHEDULE_KEY where the workers have one: a schedule is signed with it, and no worker runs one that is not.',
  );
}

import { MalformedError } from '../../shared/base/errors.ts';
import type { Stop } from '../../shared/requests/batches.ts';
import { isStillMeant } from '../../shared/requests/derive.ts';
import type { RebuildDeps } from './rebuild.ts';

export const REBUILD_STOP = {
  code: 'rebuild',
  reason:
    'rebuild: Redis is being restored from the store; if no rebuild runs any more, run shotlist rebuild again',
} as const satisfies Stop;

export const OPERATOR_STOP = {
  code: 'operator',
  reason: 'operator: paused by a person before Redis was lost; run shotlist resume',
} as const satisfies Stop;

/** What a user last said of all submits. One that cannot be read counts as a pause, which a user can lift. */
export async function lastWord(
  { journal, say }: RebuildDeps,
  signal: AbortSignal,
): Promise<'pause' | 'resume' | undefined> {
  try {
    return (await journal.lastHouseEvent(signal))?.kind;
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    say(`${error.message} All submits stay paused until then, or until shotlist resume.`);
    return 'pause';
  }
}

/** Lifts the rebuild's stop; one of before stands again, where it is still meant. */
export async function goOn(
  before: Stop | undefined,
  last: 'pause' | 'resume' | undefined,
  { restore, resumeSubmits }: RebuildDeps,
): Promise<void> {
  const stop = before !== undefined && isStillMeant(before, last) ? before : undefined;
  await restore.release(stop);
  if (stop === undefined) await resumeSubmits();
}

import { MalformedError } from '../../shared/base/errors.ts';
import { dayOf } from '../../shared/base/time.ts';
import type { RestoredRecord } from '../../shared/requests/restore.ts';
import { requestKeyOf } from '../../shared/store/keys.ts';
import { type DoubtDeps, readDoubt, roundUnderWay } from './doubt.ts';

type Found = Parameters<typeof readDoubt>[0];
type Under = Parameters<typeof roundUnderWay>[0];

/**
 * A request in doubt, read from its objects. If one of these is damaged, the request alone stays unknown with its highest
 * price reserved and its pictures claimed: nothing is sent for it, and it is never taken for free.
 */
export async function readOrReserve(
  found: Omit<Found, 'round'>,
  under: Under,
  deps: DoubtDeps & { readonly say: (line: string) => void },
  signal: AbortSignal,
): Promise<RestoredRecord> {
  try {
    const round = await roundUnderWay(under, deps, signal);
    return await readDoubt({ ...found, round }, deps, signal);
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    const { batch, row, request } = found;
    const name = requestKeyOf({ batch, row: row.row, part: request.part });
    deps.say(`${name} stays unknown, and its highest price reserved: ${error.message}`);
    const now = deps.clock();
    return {
      member: `${row.row}.${request.part}`,
      state: 'unknown',
      round: under.last,
      intentAtMs: now,
      claim: { shotKey: row.shotKey, indices: request.indices },
      reservation: { price: request.maxMicroUsd, day: dayOf(now) },
      rivalHash: deps.rivalHash(row),
    };
  }
}

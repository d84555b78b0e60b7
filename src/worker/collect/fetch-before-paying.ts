import type { Clock } from '../../shared/base/time.ts';
import type { DuePictures } from '../../shared/requests/due-pictures.ts';
import type { Work } from '../../shared/requests/steps.ts';
import type { RequestFailure } from '../../shared/requests/verdicts.ts';
import { requestKeyOf } from '../../shared/store/keys.ts';
import type { Variants } from '../../shared/takes/variants.ts';
import type { FetchPaid } from './fetch-paid.ts';
import { laterLookAtMs } from './patience.ts';

export interface FetchBeforePayingDeps {
  readonly fetchPaid: FetchPaid;
  readonly due: Pick<DuePictures, 'add'>;
  readonly clock: Clock;
}

/**
 * Fetches, before a request pays for anything, what fal was paid for of the pictures that it wants. Resolves to why one of
 * them cannot be had; it is looked for again later, as those of the request that paid are.
 */
export function createFetchBeforePaying({ fetchPaid, due, clock }: FetchBeforePayingDeps) {
  return async (
    { name, row, planned, model }: Work,
    variants: Variants,
    signal: AbortSignal,
  ): Promise<RequestFailure | undefined> => {
    let failure: RequestFailure | undefined;
    for (const index of planned.indices) {
      const variant = variants.get(index);
      if (variant?.state !== 'paid') continue;
      const { shotKey } = row;
      const [missing] = await fetchPaid({ shotKey, model }, variant, 'needed', signal);
      if (missing === undefined) continue;
      failure ??= missing.failure;
      const now = clock();
      const atMs = laterLookAtMs(0, now, now);
      const request = requestKeyOf(name);
      if (atMs !== undefined) await due.add({ shotKey, index, request }, atMs, now);
    }
    return failure;
  };
}

import { withTimeout } from '../../shared/base/time.ts';
import type { Journal } from '../../shared/journal/journal.ts';
import type { Model } from '../../shared/models/model.ts';
import { PictureError } from '../../shared/pictures/formats.ts';
import type { RequestFailure } from '../../shared/requests/verdicts.ts';
import type { ObjectStore } from '../../shared/store/object-store.ts';
import { type PaidNote, readPaid } from '../../shared/takes/original-notes.ts';
import type { Variant } from '../../shared/takes/variants.ts';
import { FetchError, type FetchOriginal, type FetchOriginalOptions } from './fetch-original.ts';

/** What came of one paid request of a variant that could not be had. */
export interface StillMissing {
  readonly note: PaidNote;
  readonly failure: RequestFailure;
  /** `FetchError.isNowhere`. */
  readonly isNowhere: boolean;
}

/**
 * Fetches a variant that fal was paid for, whichever request paid. Resolves to what is still missing: nothing, once a
 * picture of it is stored. Rejects with the signal's reason.
 */
export type FetchPaid = (
  shot: { readonly shotKey: string; readonly model: Model },
  variant: Variant,
  addresses: FetchOriginalOptions['addresses'],
  signal: AbortSignal,
) => Promise<readonly StillMissing[]>;

export interface FetchPaidDeps {
  readonly store: Pick<ObjectStore, 'get'>;
  readonly journal: Pick<Journal, 'readResult' | 'readIntent'>;
  readonly fetchOriginal: FetchOriginal;
  /** For one picture, with all that is asked for it. */
  readonly timeoutMs: number;
}

export function createFetchPaid({ store, journal, fetchOriginal, timeoutMs }: FetchPaidDeps): FetchPaid {
  return async ({ shotKey, model }, variant, addresses, signal) => {
    const { index } = variant;
    const missing: StillMissing[] = [];
    for (const note of await readPaid(store, shotKey, variant, signal)) {
      const { requestId } = note;
      const limited = withTimeout(signal, timeoutMs);
      try {
        const image = note.image ?? (await placeOf(requestId, index, limited));
        await fetchOriginal({ shotKey, index, model, requestId, image }, { variant, addresses }, limited);
        return [];
      } catch (error) {
        signal.throwIfAborted();
        const isNowhere = error instanceof FetchError && error.isNowhere;
        missing.push({ note, failure: failureOf(error, limited, timeoutMs), isNowhere });
      }
    }
    return missing;
  };

  /** Its place in fal's answer: that of its variant in what was asked for. */
  async function placeOf(requestId: string, index: number, signal: AbortSignal): Promise<number> {
    const result = await journal.readResult(requestId, signal);
    const intent = result && (await journal.readIntent(result, result.round, signal));
    return Math.max(0, intent?.indices.indexOf(index) ?? 0);
  }
}

/** Rethrows what says nothing of the picture, such as a store that is away. */
function failureOf(error: unknown, { aborted }: AbortSignal, timeoutMs: number): RequestFailure {
  if (error instanceof PictureError) return { code: error.code, message: error.message };
  if (error instanceof FetchError) return { code: error.cause.code, message: error.message };
  if (!aborted) throw error;
  return {
    code: 'media_unreachable',
    message: `The paid picture was not fetched within ${timeoutMs / 1_000} s.`,
  };
}

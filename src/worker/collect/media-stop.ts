import type { MissingPictures } from '../../shared/requests/missing-pictures.ts';
import type { House } from '../../shared/requests/steps.ts';

/**
 * Stops all submits while paid pictures cannot be had, so that no more is paid for what nobody can fetch. It lifts itself
 * once one of them is fetched; where our own settings refuse their host, a user has to resume.
 */
export interface MediaStop {
  /** So many pictures of the request cannot be had, and are waited for. */
  missing(request: string, pictures: number, why: string): Promise<void>;
  /** A picture of the request was fetched. */
  fetched(request: string): Promise<void>;
  /** The request no longer waits for any. */
  gaveUp(request: string): Promise<void>;
  /** Our settings refuse the address of a picture. */
  refused(why: string): Promise<void>;
}

export interface MediaStopDeps {
  readonly house: Pick<House, 'stop'>;
  readonly missing: MissingPictures;
  readonly resumeSubmits: () => Promise<void>;
}

/** So many paid pictures that cannot be had at the same time stop all submits. */
const MOST = 5;

export function createMediaStop({ house, missing, resumeSubmits }: MediaStopDeps): MediaStop {
  return {
    async missing(request, pictures, why) {
      const all = await missing.note(request, pictures, why);
      if (all < MOST) return;
      await house.stop({
        code: 'media',
        reason: `media: ${all} paid pictures cannot be had (${why}) and nothing more is paid meanwhile; submits go on by themselves once one of them is fetched`,
      });
    },

    async fetched(request) {
      if (await missing.found(request)) await resumeSubmits();
    },

    async gaveUp(request) {
      await missing.forget(request);
    },

    async refused(why) {
      await house.stop({
        code: 'media_refused',
        reason: `media_refused: ${why} Add the host to FAL_MEDIA_HOSTS if it is fal's, restart the workers, then run shotlist resume, and shotlist retry for what failed`,
      });
    },
  };
}

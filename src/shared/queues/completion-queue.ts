import { z } from 'zod';

/** The queue of what is done once a batch has ended; worked by every worker with the role `collect`. */
export const ENDINGS = 'endings';

/** Of each kind the release that first knew it: an older worker leaves what is newer to others. */
const VERSIONS = { manifest: 1, refresh: 1, tell: 1, held: 2 } as const;
const VERSION = Math.max(...Object.values(VERSIONS));

/**
 * `manifest`: write the batch's manifest, then tell. `refresh`: write it again, since its money was corrected after the
 * end; nobody is told. `tell`: post the webhook. `held`: post the one that says that the batch is held.
 */
const ending = z.object({
  kind: z.enum(['manifest', 'refresh', 'tell', 'held']),
  batch: z.string().min(1),
  /** When it ended, or was held, in ms since 1970: a batch that is retried ends again, and tells again. */
  endedAtMs: z.int().min(0),
});
export type Ending = z.infer<typeof ending>;

const payload = ending.extend({ v: z.int().min(1) });
const newer = z.object({ v: z.int().gt(VERSION) });

/** As `parsePayload` of the jobs: `newer` is for a worker that understands it. */
export function parseEnding(data: unknown): Ending | 'newer' | undefined {
  // First, since a newer one may be of a kind that is not known here.
  if (newer.safeParse(data).success) return 'newer';
  const parsed = payload.safeParse(data);
  if (!parsed.success) return undefined;
  const { v: _, ...rest } = parsed.data;
  return rest;
}

/** Names one end, or one hold, of one batch: the webhook's delivery id, and the start of its jobs' ids. */
export function endingIdOf({ batch, endedAtMs }: Pick<Ending, 'batch' | 'endedAtMs'>): string {
  return `${batch}-${endedAtMs}`;
}

export function endingJobId(one: Ending): string {
  return `${endingIdOf(one)}-${one.kind}`;
}

/** Together with `webhookBackoffMs` about a day. */
export const TELL_ATTEMPTS = 40;
/** For a person who asks why: how long a webhook that was given up is remembered, and how many at most. */
const REMEMBERED = { age: 7 * 86_400, count: 1_000 } as const;

export function endingJobOf(one: Ending) {
  return {
    name: 'ending',
    data: { v: VERSIONS[one.kind], ...one } satisfies z.infer<typeof payload>,
    opts: {
      jobId: endingJobId(one),
      ...(one.kind === 'tell' || one.kind === 'held'
        ? { attempts: TELL_ATTEMPTS, backoff: { type: 'webhook' }, removeOnFail: REMEMBERED }
        : {}),
    },
  };
}

/** How what follows an end, or a hold, stands; there is none where all of it is done. */
export interface EndingStanding {
  readonly kind: 'manifest' | 'tell' | 'held';
  /** `later`: it was tried, and is tried again when its time comes. */
  readonly state: 'waiting' | 'later' | 'given-up';
  /** What the last try came to; undefined where none has failed. */
  readonly reason: string | undefined;
}

/** A submit must leave within this time of its intent; the proof that it never arrived counts on it. */
export const POST_WINDOW_MS = 30_000;

/** Runs of one request that may fail unbilled before it fails for good. */
export const MAX_ATTEMPTS = 4;

/** Between two of them. */
export const ATTEMPT_BACKOFF = { baseMs: 2_000, capMs: 60_000 } as const;

/** After the start time-out a run has this long before its wait is handed to `collect`. */
export const LONGEST_RUN_MS = 600_000;

/** How long nobody submits while the store or fal is away. */
export const AWAY_MS = 3_000;

/** How far fal's clock may be from ours: beyond it, fal's list is searched in the wrong window. */
export const FAL_SKEW_MS = 60_000;

/** 423 in a row on one endpoint, over all workers, after which its submits stop. */
export const MAX_LOCKED = 5;

/** The longest wait after one of them, where fal does not say how long. */
export const LOCKED_CAP_MS = 60_000;

/** fal keeps them so long. */
export const BILLING_DAYS = 90;

import type { MediaWait } from '../../shared/fal/media.ts';

/** Of what its host does not give, and of what came spoiled; the last one goes on. Seconds. */
const AGAIN_S = {
  away: [1, 5, 15, 30, 60],
  spoiled: [1, 5, 30, 60, 300],
} as const satisfies Record<Exclude<MediaWait, 'none'>, readonly number[]>;

export interface Look {
  readonly wait: MediaWait;
  /** How often it could not be had, this time included. */
  readonly looks: number;
  /** Since the first of them. */
  readonly waitedMs: number;
  /** `MEDIA_PATIENCE_S`. */
  readonly patienceMs: number;
}

/**
 * How long to wait until a paid picture is asked for again, in milliseconds; undefined where waiting is over. The last look
 * is at the end of the patience.
 */
export function nextLookMs({ wait, looks, waitedMs, patienceMs }: Look): number | undefined {
  if (wait === 'none' || waitedMs >= patienceMs) return undefined;
  const delays = AGAIN_S[wait];
  const delayMs = 1_000 * (delays[Math.min(looks, delays.length) - 1] ?? 1);
  return Math.min(delayMs, patienceMs - waitedMs);
}

/** After a request has failed for its picture: in 10 minutes, in an hour, then every six hours, for 30 days. Seconds. */
const LATER_S = [600, 3_600, 21_600] as const;
const LATER_DAYS = 30;

/** When a worker looks again by itself (ms since 1970); undefined where it gives up. `looks`: those since the failure. */
export function laterLookAtMs(looks: number, sinceMs: number, nowMs: number): number | undefined {
  const atMs = nowMs + 1_000 * (LATER_S[Math.min(looks, LATER_S.length - 1)] ?? 0);
  return atMs - sinceMs > LATER_DAYS * 86_400_000 ? undefined : atMs;
}

/** What is known of a picture whose every known address answered 404 or 410. */
export interface GoneLooks {
  readonly looks: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

const GONE_LOOKS = 3;
const GONE_SPAN_MS = 48 * 3_600_000;
const GONE_AGE_MS = 7 * 86_400_000;

/** Whether a picture is gone for good. `endedMs`: when its run had ended. Anything but 404 and 410 begins the count again. */
export function isGone({ looks, firstMs, lastMs }: GoneLooks, endedMs: number): boolean {
  return looks >= GONE_LOOKS && lastMs - firstMs >= GONE_SPAN_MS && lastMs - endedMs >= GONE_AGE_MS;
}

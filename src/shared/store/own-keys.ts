import { optional } from '../base/time.ts';
import type { ObjectStore } from './object-store.ts';

/** What the journal's names look like. A name that does not is not ours: it counts for nothing, and is reported once. */

/** `<time>-<id>.json` */
export const EVENT_NAME = named(/^\d{14}-.+\.json$/);
/** `<shot key>/<time>-<id>.json` */
export const TAKE_NAME = named(/^[^/]+\/\d{14}-.+\.json$/);
/** `<row>.<part>-<round>.json`: of a failure or an intent. */
export const ROUND_NAME = named(/^\d+\.\d+-\d+\.json$/);
/** `<row>.<part>.json` */
export const DELIVERY_NAME = named(/^\d+\.\d+\.json$/);
/** `<number>.jsonl.gz` */
export const CHUNK_NAME = named(/^\d{6}\.jsonl\.gz$/);
/** `<time>.json` */
export const RUN_NAME = named(/^\d{14}\.json$/);

/** `<fal's id as a segment>.json` */
export const ORPHAN_NAME = named(/^[^/]+\.json$/);

/** Hears of keys that are not ours. */
export type OddNames = (key: string) => void;

export interface OwnKeysOptions {
  /** Ends in `/`. */
  readonly prefix: string;
  /** Of the name behind the prefix. */
  readonly isOurs: (name: string) => boolean;
  /** From this key on, which is not included. */
  readonly after?: string;
  readonly odd?: OddNames | undefined;
}

/** The keys under a prefix that are ours, in ascending order. Rejects as `ObjectStore.list` does. */
export async function* ownKeys(
  store: Pick<ObjectStore, 'list'>,
  { prefix, isOurs, after, odd }: OwnKeysOptions,
  signal?: AbortSignal,
): AsyncGenerator<string> {
  const options = { ...(after === undefined ? {} : { after }), ...optional(signal) };
  for await (const { key } of store.list(prefix, options)) {
    if (isOurs(key.slice(prefix.length))) yield key;
    else odd?.(key);
  }
}

/** So many keys are remembered as reported. */
const MOST_REPORTED = 1_000;

/** Reports each key once; after a thousand, none. */
export function reportOnce(report: OddNames): OddNames {
  const reported = new Set<string>();
  return (key) => {
    if (reported.has(key) || reported.size >= MOST_REPORTED) return;
    reported.add(key);
    report(key);
  };
}

function named(pattern: RegExp): (name: string) => boolean {
  return (name) => pattern.test(name);
}

/** A life of Redis is named by the time of its beginning (`nextLife` in `redis-memory.ts`). */
const LIFE = /^\d{14}-[0-9a-f]{8}$/;

/** Clocks of two machines may differ by so much; S3 itself refuses a quarter of an hour. */
const AHEAD_MS = 86_400_000;

/** Whether a text names a life. One that begins too late would be the newest for good, so it is none. */
export function isLife(name: string, nowMs: number): boolean {
  return LIFE.test(name) && !isTooLate(name, nowMs);
}

/** Whether a name begins with a time that lies more than a day ahead. */
export function isTooLate(name: string, nowMs: number): boolean {
  return Number.parseInt(name, 10) > nowMs + AHEAD_MS;
}

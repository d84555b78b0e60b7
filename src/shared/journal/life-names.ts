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

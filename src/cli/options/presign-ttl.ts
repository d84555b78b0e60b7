import { InvalidArgumentError } from 'commander';

const UNITS_S = { m: 60, h: 3_600, d: 86_400 } as const;
/** What S3 itself allows at most. */
const MAX_S = 7 * 86_400;

/** Reads `7d`, `12h` or `30m` as seconds; throws commander's error for anything else. */
export function presignTtl(text: string): number {
  const match = /^(\d{1,6})([mhd])$/.exec(text);
  const ttlS = match === null ? 0 : Number(match[1]) * UNITS_S[match[2] as keyof typeof UNITS_S];
  if (ttlS >= 60 && ttlS <= MAX_S) return ttlS;
  throw new InvalidArgumentError('It must be from 1m (a minute) to 7d, such as 12h.');
}

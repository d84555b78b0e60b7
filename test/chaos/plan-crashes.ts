import type { Random } from '../../src/local/fal/random.ts';
import type { Crash } from './crash-points.ts';
import type { Death } from './points.ts';

/** Point → how often an undisturbed run goes through it, in the order of first hits. */
export type Hits = ReadonlyMap<string, number>;

/** At each point once at the first hit, and once at a later one that the seed picks. */
export function killsAt(process: Crash['process'], hits: Hits, random: Random): Crash[] {
  return [...hits].flatMap(([point, count]) => {
    const later = 2 + Math.floor(random() * Math.max(0, count - 1));
    return (count > 1 ? [1, later] : [1]).map((nth) => ({
      process,
      deaths: [{ point, nth, signal: 'SIGKILL' as const }],
    }));
  });
}

/** At each point once: stopped for longer than its locks, then let go on as a zombie. */
export function stopsAt(process: Crash['process'], hits: Hits, random: Random): Crash[] {
  return [...hits].map(([point, count]) => ({
    process,
    deaths: [{ point, nth: 1 + Math.floor(random() * count), signal: 'SIGSTOP' }],
  }));
}

/** All ordered pairs: one worker dies at the first, the next one at the second, on one request's way. */
export function pairsOf(hits: Hits): Crash[] {
  const points = [...hits.keys()];
  return points.flatMap((first, at) =>
    points.slice(at).map((second) => ({ process: 'worker' as const, deaths: [kill(first), kill(second)] })),
  );
}

const kill = (point: string): Death => ({ point, nth: 1, signal: 'SIGKILL' });

/** Without replacement, in the order of the draw. */
export function sample<T>(from: readonly T[], count: number, random: Random): T[] {
  const left = [...from];
  const drawn: T[] = [];
  while (drawn.length < count && left.length > 0)
    drawn.push(...left.splice(Math.floor(random() * left.length), 1));
  return drawn;
}

/** Whether a request's render has started and not ended there. */
export function isRendering({ point }: Death): boolean {
  return /^(after records\.render|(before|after) store\.put$|(before|after) journal\.writeDelivery|before records\.deliver)/.test(
    point,
  );
}

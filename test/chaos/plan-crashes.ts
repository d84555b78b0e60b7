import { type Random, randomOf } from '../../src/local/fal/random.ts';
import type { Crash } from './crash-points.ts';
import type { Death } from './points.ts';

/** Point → how often an undisturbed run goes through it, in the order of first hits. */
export type Hits = ReadonlyMap<string, number>;

/** Of each point by itself: one more or less of them changes nothing about the others. */
export type RandomAt = (point: string) => Random;

/** At each point once at the first hit, and once at a later one that the seed picks. */
export function killsAt(process: Crash['process'], hits: Hits, randomAt: RandomAt): Crash[] {
  return [...hits].flatMap(([point, count]) => {
    const later = 2 + Math.floor(randomAt(point)() * Math.max(0, count - 1));
    return (count > 1 ? [1, later] : [1]).map((nth) => ({
      process,
      deaths: [{ point, nth, signal: 'SIGKILL' as const }],
    }));
  });
}

/** At each point once: stopped for longer than its locks, then let go on as a zombie. */
export function stopsAt(process: Crash['process'], hits: Hits, randomAt: RandomAt): Crash[] {
  return [...hits].map(([point, count]) => ({
    process,
    deaths: [{ point, nth: 1 + Math.floor(randomAt(point)() * count), signal: 'SIGSTOP' }],
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

/**
 * So many of them (undefined: all), in an order that the seed gives to each by itself: a point more or less, as the
 * recordings of a busy machine may have, changes little about what is drawn.
 */
export function sample(from: readonly Crash[], count: number | undefined, seed: string): Crash[] {
  return from
    .map((crash) => ({ crash, at: randomOf(`${seed} ${nameOf(crash)}`)() }))
    .sort((a, b) => a.at - b.at)
    .slice(0, count)
    .map(({ crash }) => crash);
}

/** `cancel: SIGSTOP before batches.setWord #1` */
export function nameOf({ process, deaths }: Crash): string {
  return `${process}: ${deaths.map(({ signal, point, nth }) => `${signal} ${point} #${nth}`).join(', ')}`;
}

/** Whether a request's render has started and not ended there. */
export function isRendering({ point }: Death): boolean {
  return /^(after records\.render|(before|after) store\.put$|(before|after) journal\.writeDelivery|before records\.deliver)/.test(
    point,
  );
}
